using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Peft.Core.Runs;

namespace Peft.Core.Data;

/// <summary>What <c>manifest.json</c> says about a snapshot.</summary>
public sealed record SnapshotManifest
{
    /// <summary>Layout version; readers refuse a higher one.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Content hash over all splits, see <see cref="DatasetSnapshot.Hash"/>.</summary>
    public required string Hash { get; init; }

    /// <summary>Records per split.</summary>
    public required Dictionary<string, int> Counts { get; init; }

    /// <summary>Display name of the dataset.</summary>
    public string Name { get; init; } = "";

    /// <summary>Id of the dataset it was taken from.</summary>
    public string DatasetId { get; init; } = "";

    /// <summary>When it was taken (UTC).</summary>
    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>
/// An immutable copy of a dataset: <c>train.jsonl</c>, <c>dev.jsonl</c>, <c>test.jsonl</c> and <c>manifest.json</c>. A folder without a
/// manifest (files <c>{split}.jsonl</c> or <c>{split}.instruct.jsonl</c>) or a single JSON/JSONL file (all of it train) can be read as well.
/// </summary>
public sealed class DatasetSnapshot
{
    /// <summary>Name of the description file.</summary>
    public const string ManifestFile = "manifest.json";

    private readonly string path;

    private DatasetSnapshot(string path, SnapshotManifest? manifest)
    {
        this.path = path;
        Manifest = manifest;
    }

    /// <summary>The splits in their order.</summary>
    public static IReadOnlyList<string> Splits { get; } = ["train", "dev", "test"];

    /// <summary>The description; null for a plain folder or file.</summary>
    public SnapshotManifest? Manifest { get; }

    /// <summary>Opens a snapshot, a plain folder, a single file, or the newest snapshot of a dataset of the workbench.</summary>
    /// <exception cref="PeftException">Nothing there, or an unusable manifest.</exception>
    public static DatasetSnapshot Open(string path)
    {
        if (File.Exists(path))
            return new DatasetSnapshot(path, null);
        if (!Directory.Exists(path))
            throw new PeftException($"{path}: no such dataset folder or file.");
        var manifest = Path.Combine(path, ManifestFile);
        var snapshot = new DatasetSnapshot(path, File.Exists(manifest) ? ReadManifest(manifest) : null);
        if (Splits.Any(split => snapshot.FileOf(split) is not null))
            return snapshot;

        // A dataset of the workbench keeps frozen states beside its working file.
        var newest = new DirectoryInfo(path).EnumerateDirectories()
            .Where(state => File.Exists(Path.Combine(state.FullName, ManifestFile)))
            .MaxBy(state => state.LastWriteTimeUtc);
        if (newest is not null)
            return Open(newest.FullName);
        throw new PeftException(File.Exists(Path.Combine(path, "working.db"))
            ? $"{path}: this dataset of the workbench has no frozen state yet. Start a run of it in the workbench once, or export it and name the exported file."
            : $"{path}: no dataset: expected train.jsonl, dev.jsonl or test.jsonl.");
    }

    /// <summary>Reads a split; empty when the snapshot has none of that name.</summary>
    /// <exception cref="PeftException">Unusable rows, or another number of records than the manifest says.</exception>
    public IReadOnlyList<InstructionRecord> Read(string split)
    {
        if (FileOf(split) is not { } file || (Manifest is not null && Manifest.Counts.GetValueOrDefault(split) == 0))
            return [];
        var records = InstructionReader.ReadFile(file);
        if (Manifest?.Counts.TryGetValue(split, out var count) == true && count != records.Count)
            throw new PeftException($"{file}: {records.Count} records, but {ManifestFile} says {count}: the snapshot was changed or damaged. Make a new one.");
        return records;
    }

    /// <summary>
    /// SHA-256 over the records of all splits in their order, as lower-case hexadecimal. Equal content gives an equal hash, whatever the
    /// name, the time, or the way the JSON is written.
    /// </summary>
    public static string Hash(IReadOnlyDictionary<string, IReadOnlyList<InstructionRecord>> splits)
    {
        ArgumentNullException.ThrowIfNull(splits);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var split in Splits)
        {
            foreach (var record in splits.GetValueOrDefault(split, []))
            {
                foreach (var field in new[] { split, record.Id ?? "", record.Instruction, record.Input, record.Output })
                {
                    var bytes = Encoding.UTF8.GetBytes(field);
                    hash.AppendData(BitConverter.GetBytes(bytes.Length));
                    hash.AppendData(bytes);
                }
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Writes a snapshot folder, completely or not at all. Empty splits get an empty file.</summary>
    /// <returns>The description as written.</returns>
    /// <exception cref="PeftException">The disk is full or refuses.</exception>
    public static SnapshotManifest Write(
        string folder,
        IReadOnlyDictionary<string, IReadOnlyList<InstructionRecord>> splits,
        string name,
        string datasetId,
        DateTimeOffset createdAt)
    {
        var manifest = new SnapshotManifest
        {
            Hash = Hash(splits),
            Counts = Splits.ToDictionary(split => split, split => splits.GetValueOrDefault(split, []).Count),
            Name = name,
            DatasetId = datasetId,
            CreatedAt = createdAt,
        };
        AtomicFolder.Write(folder, aside =>
        {
            foreach (var split in Splits)
            {
                using var writer = new StreamWriter(Path.Combine(aside, split + ".jsonl"), append: false, new UTF8Encoding(false)) { NewLine = "\n" };
                foreach (var record in splits.GetValueOrDefault(split, []))
                    writer.WriteLine(JsonSerializer.Serialize(record with { Split = null }, RunRequest.Json));
            }

            File.WriteAllBytes(Path.Combine(aside, ManifestFile), JsonSerializer.SerializeToUtf8Bytes(manifest, RunRequest.Json));
        });
        return manifest;
    }

    private string? FileOf(string split)
    {
        if (File.Exists(path))
            return split == "train" ? path : null;
        foreach (var name in new[] { split + ".jsonl", split + ".instruct.jsonl", split + ".json" })
        {
            if (File.Exists(Path.Combine(path, name)))
                return Path.Combine(path, name);
        }

        return null;
    }

    private static SnapshotManifest ReadManifest(string file)
    {
        try
        {
            var manifest = JsonSerializer.Deserialize<SnapshotManifest>(File.ReadAllBytes(file), RunRequest.Json)
                ?? throw new PeftException($"{file}: the file says null.");
            return manifest.SchemaVersion <= 1
                ? manifest
                : throw new PeftException($"{file}: schema_version {manifest.SchemaVersion} is newer than this program understands (1).");
        }
        catch (JsonException e)
        {
            throw new PeftException($"{file}: {e.Message}", e);
        }
    }
}
