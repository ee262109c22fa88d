using System.IO.Compression;
using System.Text;
using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs;

/// <summary>The files of a run directory as people see them.</summary>
internal static class RunFiles
{
    /// <summary>Everything but what is internal (lock, commands, derived columns), by path.</summary>
    public static IReadOnlyList<RunFile> List(RunPaths paths)
    {
        if (!Directory.Exists(paths.Root))
            return [];
        return [.. Directory.EnumerateFiles(paths.Root, "*", SearchOption.AllDirectories)
            .Select(path => (Path: Path.GetRelativePath(paths.Root, path).Replace('\\', '/'), Full: path))
            .Where(file => !IsInternal(file.Path))
            .OrderBy(file => file.Path, StringComparer.Ordinal)
            .Select(file => new RunFile(file.Path, Length(file.Full)))];
    }

    /// <summary>Writes the folder as a zip as it goes; nothing is kept in memory.</summary>
    public static async Task ZipAsync(string folder, Stream destination, CancellationToken cancel)
    {
        await using var archive = await ZipArchive.CreateAsync(destination, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: Encoding.UTF8, cancel);
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var entry = archive.CreateEntry(Path.GetRelativePath(folder, path).Replace('\\', '/'), CompressionLevel.Fastest);
            await using var target = await entry.OpenAsync(cancel);
            await using var source = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);
            await source.CopyToAsync(target, cancel);
        }
    }

    /// <summary>The finished adapter, or that of the newest checkpoint of a run that has not ended; null when there is none.</summary>
    public static string? AdapterFolder(RunPaths paths)
    {
        if (HasFiles(paths.Adapter))
            return paths.Adapter;
        if (RunDirectory.LatestCheckpoint(paths) is not { } checkpoint)
            return null;
        var inside = Path.Combine(checkpoint.Path, "adapter");
        return HasFiles(inside) ? inside : null;
    }

    private static bool HasFiles(string folder) => Directory.Exists(folder) && Directory.EnumerateFiles(folder).Any();

    private static bool IsInternal(string path) =>
        path == "trainer.lock" || path.StartsWith("control/", StringComparison.Ordinal) || path.StartsWith("series/", StringComparison.Ordinal)
        || path.Split('/').Any(part => part.StartsWith('.'));

    /// <summary>A checkpoint that is being replaced may vanish between listing and looking.</summary>
    private static long Length(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? file.Length : 0;
    }
}

/// <summary>The trainer's stdout and stderr.</summary>
internal static class RunLog
{
    /// <summary>The last bytes of the log, from the beginning of a line.</summary>
    public static LogTail Tail(string path, int bytes) => Read(path, null, bytes);

    /// <summary>What was written after a position, at most so many bytes of it (the newest).</summary>
    public static LogTail After(string path, long position, int bytes) => Read(path, position, bytes);

    private static LogTail Read(string path, long? after, int bytes)
    {
        if (!File.Exists(path))
            return new LogTail(0, "");
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var length = file.Length;
        var newest = Math.Max(0, length - bytes);
        var start = after is { } known && known >= newest && known <= length ? known : newest;
        var buffer = new byte[length - start];
        file.Position = start;
        var read = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        var text = buffer.AsSpan(0, read);
        if (start > 0 && start != after && text.IndexOf((byte)'\n') is >= 0 and var newline)
            text = text[(newline + 1)..];
        return new LogTail(start + read, Encoding.UTF8.GetString(text));
    }
}
