using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Peft.Core.Data.Tasks;
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

    /// <summary>Kind of the records, see <see cref="DatasetKinds"/>; absent means instruction.</summary>
    public string? Kind { get; init; }

    /// <summary>Classification: names of the labels in order. Tagging: types of entities. Otherwise absent.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Classification: <c>single_label_classification</c>, <c>multi_label_classification</c> or <c>regression</c>.</summary>
    public string? ProblemType { get; init; }
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
    private DatasetKind? kind;

    private DatasetSnapshot(string path, SnapshotManifest? manifest)
    {
        this.path = path;
        Manifest = manifest;
    }

    /// <summary>The splits in their order.</summary>
    public static IReadOnlyList<string> Splits { get; } = ["train", "dev", "test"];

    /// <summary>The description; null for a plain folder or file.</summary>
    public SnapshotManifest? Manifest { get; }

    /// <summary>Kind of its records: what the manifest says, or what the first file's content looks like.</summary>
    /// <exception cref="PeftException">The manifest names an unknown kind.</exception>
    public DatasetKind Kind => kind ??= Manifest is { } manifest
        ? DatasetKinds.Parse(manifest.Kind ?? DatasetKind.Instruction.Name())
        : Splits.Select(FileOf).FirstOrDefault(file => file is not null) is { } first ? Recognise(first) ?? DatasetKind.Instruction : DatasetKind.Instruction;

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

    /// <summary>Reads a split of instruction data; empty when the snapshot has none of that name.</summary>
    /// <exception cref="PeftException">Unusable rows, another kind of data, or another number of records than the manifest says.</exception>
    public IReadOnlyList<InstructionRecord> Read(string split) => Read<InstructionRecord>(split);

    /// <summary>Reads a split of records that must be of one type; empty when the snapshot has none of that name.</summary>
    /// <exception cref="PeftException">Unusable rows, another kind of data, or another number of records than the manifest says.</exception>
    public IReadOnlyList<T> Read<T>(string split)
        where T : IDataRecord
    {
        var records = ReadAny(split);
        return records as IReadOnlyList<T> ?? (records.Count == 0
            ? []
            : throw new PeftException($"{path}: this dataset is of kind {Kind.Name()}, which does not serve here."));
    }

    /// <summary>Reads a split of whatever kind the snapshot is; empty when it has none of that name.</summary>
    /// <exception cref="PeftException">Unusable rows, or another number of records than the manifest says.</exception>
    public IReadOnlyList<IDataRecord> ReadAny(string split)
    {
        if (FileOf(split) is not { } file || (Manifest is not null && Manifest.Counts.GetValueOrDefault(split) == 0))
            return [];
        var records = TaskRecords.Read(file, Kind);
        if (Manifest?.Counts.TryGetValue(split, out var count) == true && count != records.Count)
            throw new PeftException($"{file}: {records.Count} records, but {ManifestFile} says {count}: the snapshot was changed or damaged. Make a new one.");
        return records;
    }

    /// <summary>Reads the beginning of a split, of a file with one record a line no more than that.</summary>
    /// <param name="split">Name of the split.</param>
    /// <param name="most">Records at most.</param>
    /// <exception cref="PeftException">Unusable rows among those that are read.</exception>
    public IReadOnlyList<IDataRecord> ReadFirst(string split, int most)
    {
        if (LinesFile(split) is not { } file || (Manifest is not null && Manifest.Counts.GetValueOrDefault(split) == 0))
            return [.. ReadAny(split).Take(most)];
        var records = new List<IDataRecord>();
        DataLines.ForEach(file, (utf8, line) =>
        {
            records.Add(TaskRecords.Row(utf8, file, line, Kind));
            return records.Count < most;
        });
        return records;
    }

    /// <summary>The file of a split when it has one record a line, so that it can be read piece by piece; null otherwise.</summary>
    public string? LinesFile(string split) => FileOf(split) is { } file && DataLines.HasOneRecordALine(file) ? file : null;

    /// <summary>
    /// SHA-256 over the records of all splits in their order, as lower-case hexadecimal. Equal content gives an equal hash, whatever the
    /// name, the time, or the way the JSON is written.
    /// </summary>
    public static string Hash<T>(IReadOnlyDictionary<string, IReadOnlyList<T>> splits)
        where T : IDataRecord
    {
        ArgumentNullException.ThrowIfNull(splits);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var split in Splits)
        {
            foreach (var record in splits.GetValueOrDefault(split, []))
            {
                foreach (var field in record.Content.Prepend(record.Id ?? "").Prepend(split))
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
    /// <param name="folder">The folder, which must not exist.</param>
    /// <param name="splits">Records per split.</param>
    /// <param name="name">Display name of the dataset.</param>
    /// <param name="datasetId">Id of the dataset.</param>
    /// <param name="createdAt">When it is taken (UTC).</param>
    /// <param name="kind">Kind of the records.</param>
    /// <param name="labels">Names of labels or types of entities, see <see cref="SnapshotManifest.Labels"/>.</param>
    /// <param name="problemType">See <see cref="SnapshotManifest.ProblemType"/>.</param>
    /// <returns>The description as written.</returns>
    /// <exception cref="PeftException">The disk is full or refuses.</exception>
    public static SnapshotManifest Write<T>(
        string folder,
        IReadOnlyDictionary<string, IReadOnlyList<T>> splits,
        string name,
        string datasetId,
        DateTimeOffset createdAt,
        DatasetKind kind = DatasetKind.Instruction,
        IReadOnlyList<string>? labels = null,
        string? problemType = null)
        where T : IDataRecord
    {
        var manifest = new SnapshotManifest
        {
            Hash = Hash(splits),
            Counts = Splits.ToDictionary(split => split, split => splits.GetValueOrDefault(split, []).Count),
            Name = name,
            DatasetId = datasetId,
            CreatedAt = createdAt,
            Kind = kind == DatasetKind.Instruction ? null : kind.Name(),
            Labels = labels,
            ProblemType = problemType,
        };
        AtomicFolder.Write(folder, aside =>
        {
            foreach (var split in Splits)
            {
                using var writer = new StreamWriter(Path.Combine(aside, split + ".jsonl"), append: false, new UTF8Encoding(false)) { NewLine = "\n" };
                foreach (var record in splits.GetValueOrDefault(split, []))
                    writer.WriteLine(Line(record));
            }

            File.WriteAllBytes(Path.Combine(aside, ManifestFile), JsonSerializer.SerializeToUtf8Bytes(manifest, RunRequest.Json));
        });
        return manifest;
    }

    /// <summary>A record as a line of its split's file.</summary>
    private static string Line(IDataRecord record) => record is InstructionRecord instruction
        ? JsonSerializer.Serialize(instruction with { Split = null }, RunRequest.Json)
        : JsonSerializer.Serialize(record, record.GetType(), RunRequest.Json);

    private string? FileOf(string split)
    {
        if (File.Exists(path))
            return split == "train" ? path : null;
        string[] names = [split + ".jsonl", split + ".instruct.jsonl", split + ".json"];
        var files = names.Select(name => Path.Combine(path, name)).Where(File.Exists).ToList();

        // A folder may hold a source beside its instruction form; what cannot be recognised is only taken when there is nothing else.
        return files.Count < 2 ? files.FirstOrDefault() : files.Find(file => Recognise(file) is not null) ?? files[0];
    }

    private static DatasetKind? Recognise(string file) => TaskRecords.Recognise(DataLines.HasOneRecordALine(file) ? DataLines.First(file) : DataFiles.Bytes(file));

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
