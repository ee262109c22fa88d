using Peft.Core;
using Workbench.Server.Hosting;

namespace Workbench.Server.Models.Adding;

/// <summary>Finds the model that a person names by its path on this machine.</summary>
internal static class LocalPlaces
{
    /// <summary>The path as it was meant, and the folder or GGUF file to load.</summary>
    /// <exception cref="PeftException">There is nothing, it cannot be read, or it holds no model.</exception>
    public static (string Given, string Path) Find(string text, DataDirectory data)
    {
        var trimmed = (text ?? "").Trim().Trim('"', '\'');
        if (trimmed == "~" || trimmed.StartsWith("~/", StringComparison.Ordinal))
            trimmed = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + trimmed[1..];
        if (trimmed.Length == 0 || !Path.IsPathFullyQualified(trimmed) || trimmed.Any(char.IsControl))
            throw new PeftException($"'{trimmed}' is no complete path. Write it from the root, such as /home/me/models/Qwen2.5-0.5B.");
        var given = Path.TrimEndingDirectorySeparator(Path.GetFullPath(trimmed));
        if (Path.GetFileName(given) is "config.json" && File.Exists(given))
            given = Path.GetDirectoryName(given)!;
        if (given.StartsWith(Path.GetFullPath(data.Models) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new PeftException($"{given} lies in the workbench's own folder of models and is found there by itself.");
        try
        {
            if (Directory.Exists(given))
                _ = Directory.EnumerateFileSystemEntries(given).Any();
            if (ModelPlaces.Find(given) is { } path)
            {
                foreach (var file in ModelPlaces.WeightFiles(path, [".safetensors", ".bin", ".gguf", ".json"]))
                    File.OpenRead(file).Dispose();
                return (given, path);
            }
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{given} cannot be read: {refused.Message}", refused);
        }

        throw new PeftException(Path.Exists(given)
            ? $"{given} holds no model: there is no config.json and no .gguf file in it."
            : $"{given} does not exist on the machine that the workbench runs on, or may not be seen by it.");
    }
}
