using Workbench.Server.Hosting;

namespace Workbench.Server.Models;

/// <summary>Deletes a model of the data directory: out of sight in one step, then file by file.</summary>
internal static class ModelRemoval
{
    private const string Prefix = ".removed-";

    /// <param name="data">The data directory.</param>
    /// <param name="stored">The model's path relative to it.</param>
    public static void Delete(DataDirectory data, string stored)
    {
        // models/<id>, models/<id>/file.gguf or models/file.gguf: what lies directly under models/ goes.
        var entry = Path.Combine(data.Root, Path.Combine([.. stored.Split('/').Take(2)]));
        if (!Path.GetFullPath(entry).StartsWith(Path.GetFullPath(data.Models) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new Peft.Core.PeftException($"{entry} does not lie in {data.Models}; it is left alone.");
        var info = Directory.Exists(entry) ? (FileSystemInfo)new DirectoryInfo(entry) : new FileInfo(entry);
        if (!info.Exists)
            return;
        if (info.LinkTarget is not null || info is FileInfo)
        {
            // Of a link only the link goes; what it leads to belongs to somebody else.
            info.Delete();
            return;
        }

        var aside = Path.Combine(data.Models, Prefix + Ulid.NewUlid());
        Directory.Move(entry, aside);
        Directory.Delete(aside, recursive: true);
    }

    /// <summary>Finishes deletions that a killed server began.</summary>
    public static void CleanUp(DataDirectory data)
    {
        foreach (var left in Directory.Exists(data.Models) ? Directory.GetDirectories(data.Models, Prefix + "*") : [])
            Directory.Delete(left, recursive: true);
    }
}
