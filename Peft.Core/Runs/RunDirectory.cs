using System.Globalization;
using System.Text.Json;

namespace Peft.Core.Runs;

/// <summary>Creates and reads run directories. A directory exists completely (with a valid <c>run.json</c>) or not at all.</summary>
public static class RunDirectory
{
    /// <summary>Highest layout version of <c>run.json</c> that this program understands.</summary>
    public const int SchemaVersion = 1;

    /// <summary>Writes the order into a new directory <c>&lt;runs&gt;/&lt;id&gt;</c>: built aside, then renamed.</summary>
    /// <param name="runsFolder">The folder that holds all runs; created when missing.</param>
    /// <param name="request">The order; its id names the directory.</param>
    /// <exception cref="PeftException">The directory exists already, the id is no file name, or the disk refuses.</exception>
    public static RunPaths Create(string runsFolder, RunRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Id.Length == 0 || request.Id.AsSpan().ContainsAny(Path.GetInvalidFileNameChars()) || request.Id.StartsWith('.'))
            throw new PeftException($"'{request.Id}' cannot be the id of a run: it must be a plain file name. Use a ULID.");
        var paths = new RunPaths(Path.Combine(runsFolder, request.Id));
        if (Directory.Exists(paths.Root))
            throw new PeftException($"{paths.Root}: this run exists already. Resume it, or order a new run with another id.");
        AtomicFolder.Write(paths.Root, aside =>
        {
            var fresh = new RunPaths(aside);
            File.WriteAllBytes(fresh.Request, JsonSerializer.SerializeToUtf8Bytes(request, s_indented));
            Directory.CreateDirectory(fresh.Control);
            Directory.CreateDirectory(fresh.Checkpoints);
        });
        return paths;
    }

    /// <summary>Reads <c>run.json</c>.</summary>
    /// <exception cref="PeftException">The file is missing, no JSON (line and position are named), lacks a field, or is of a newer layout.</exception>
    public static RunRequest ReadRequest(RunPaths paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        byte[] json;
        try
        {
            json = File.ReadAllBytes(paths.Request);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PeftException($"{paths.Root} is no run directory: run.json is missing. Name a folder that the workbench or 'peft train' made.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{paths.Request} cannot be read: {e.Message}", e);
        }

        try
        {
            var request = JsonSerializer.Deserialize<RunRequest>(json, RunRequest.Json)
                ?? throw new PeftException($"{paths.Request}: the file says null where the order of a run is expected.");
            if (request.SchemaVersion > SchemaVersion)
            {
                throw new PeftException(
                    $"{paths.Request}: schema_version {request.SchemaVersion} is newer than this program understands ({SchemaVersion}). Update PEFT Workbench.");
            }

            return request;
        }
        catch (JsonException e)
        {
            var where = e.LineNumber is { } line ? string.Create(CultureInfo.InvariantCulture, $" line {line + 1}, byte {e.BytePositionInLine + 1}") : "";
            throw new PeftException($"{paths.Request}:{where}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Turns a path of <c>run.json</c> into one that can be opened: absolute ones stay, others are relative to the data directory
    /// (the folder above <c>runs/</c>), or to the run directory's parent when the run lies elsewhere.
    /// </summary>
    public static string Resolve(RunPaths paths, string path)
    {
        ArgumentNullException.ThrowIfNull(paths);
        if (Path.IsPathRooted(path))
            return path;
        var parent = Path.GetDirectoryName(Path.GetFullPath(paths.Root))!;
        var data = Path.GetFileName(parent) == "runs" ? Path.GetDirectoryName(parent)! : parent;
        return Path.GetFullPath(Path.Combine(data, path));
    }

    /// <summary>Step and folder of the newest complete checkpoint, or null. Folders written aside do not count.</summary>
    public static (int Step, string Path)? LatestCheckpoint(RunPaths paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        if (!Directory.Exists(paths.Checkpoints))
            return null;
        (int Step, string Path)? latest = null;
        foreach (var folder in Directory.EnumerateDirectories(paths.Checkpoints))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var step) && step > (latest?.Step ?? -1))
                latest = (step, folder);
        }

        return latest;
    }

    private static readonly JsonSerializerOptions s_indented = new(RunRequest.Json) { WriteIndented = true };
}
