using Peft.Core;
using Peft.Core.Hub;
using Workbench.Client.Contracts;

namespace Workbench.Server.Models.Adding;

/// <summary>What may be sent: names that are safe, sizes that can be, files that make a model.</summary>
internal static class UploadRules
{
    public const int MostFiles = 2000;

    /// <summary>Bytes of one piece; the browser sends 8 MB at a time.</summary>
    public const long LargestPiece = 32L * 1024 * 1024;

    private const long LargestModel = 4L * 1024 * 1024 * 1024 * 1024;

    /// <exception cref="PeftException">Names the file and the rule.</exception>
    public static void Check(IReadOnlyList<ModelFile> files)
    {
        if (files is not { Count: > 0 })
            throw new PeftException("No file was chosen.");
        if (files.Count > MostFiles)
            throw new PeftException($"{files.Count} files are more than a model has ({MostFiles} at most). Choose the model's own folder.");
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var file in files)
        {
            if (SafePath.Refusal(file.Path ?? "") is { } refusal)
                throw new PeftException(refusal);
            if (file.Path!.EndsWith(".part", StringComparison.OrdinalIgnoreCase))
                throw new PeftException($"'{file.Path}' looks like the rest of a broken download. Leave it out.");
            if (!names.Add(file.Path))
                throw new PeftException($"'{file.Path}' is there twice (upper and lower case count as the same).");
            if (file.Size is < 0 or > LargestModel)
                throw new PeftException($"'{file.Path}' cannot have {file.Size} bytes.");
        }

        if (files.Sum(file => (double)file.Size) > LargestModel)
            throw new PeftException("The files are larger than any model that this workbench takes (4 TB).");
        if (!names.Contains("config.json") && !files.Any(file => ModelPlaces.IsGguf(file.Path)))
            throw new PeftException("These files make no model: there is no config.json and no .gguf file. Choose the folder that holds config.json.");
    }
}
