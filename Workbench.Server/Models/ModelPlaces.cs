namespace Workbench.Server.Models;

/// <summary>What counts as a model on a disk: a folder with a config.json, a folder with GGUF files alone, or a GGUF file.</summary>
internal static class ModelPlaces
{
    private const string Gguf = ".gguf";

    /// <summary>A folder that may not be read holds no model; it must not hide the others.</summary>
    private static readonly EnumerationOptions s_readable = new() { IgnoreInaccessible = true };

    /// <summary>The path to load for a folder or file; null when it holds no model.</summary>
    public static string? Find(string path)
    {
        if (File.Exists(path))
            return IsGguf(path) ? path : null;
        if (!Directory.Exists(path))
            return null;
        var described = File.Exists(Path.Combine(path, "config.json"));
        if (described && Directory.EnumerateFiles(path, "*", s_readable).Any(IsWeights))
            return path;
        // Of several parts the first one is opened. Repositories with many of them keep each in a folder.
        return Ggufs(path).FirstOrDefault() ?? (described ? path : Directory.EnumerateDirectories(path, "*", s_readable).Order(StringComparer.Ordinal).SelectMany(Ggufs).FirstOrDefault());
    }

    public static bool IsModel(string path) => File.Exists(path) ? IsGguf(path) : File.Exists(Path.Combine(path, "config.json"));

    /// <summary>The folder that read-me and tokenizer files lie in.</summary>
    public static string FolderOf(string path) => IsGguf(path) ? Path.GetDirectoryName(path)! : path;

    public static IEnumerable<string> WeightFiles(string path, IReadOnlyList<string> endings) => IsGguf(path)
        ? [path]
        : Directory.EnumerateFiles(path).Where(file => endings.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase));

    /// <summary>Bytes of a file; of a link (the hub's own cache is full of them) those of what it leads to.</summary>
    public static long Size(FileInfo file) => (file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true)) is FileInfo { Exists: true } real ? real.Length : 0;

    public static bool IsGguf(string path) => path.EndsWith(Gguf, StringComparison.OrdinalIgnoreCase);

    private static IOrderedEnumerable<string> Ggufs(string folder) => Directory.EnumerateFiles(folder, "*", s_readable).Where(IsGguf).Order(StringComparer.Ordinal);

    private static bool IsWeights(string file) => Path.GetExtension(file).ToLowerInvariant() is ".safetensors" or ".bin";
}
