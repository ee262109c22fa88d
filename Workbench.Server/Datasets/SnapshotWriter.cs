using Peft.Core.Data;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>Writes the immutable folders that runs train on, <c>&lt;dataset&gt;/&lt;hash&gt;/</c>.</summary>
internal static class SnapshotWriter
{
    /// <summary>Freezes the current records. Equal records have an equal hash, and what exists already is not written twice.</summary>
    public static SnapshotManifest Write(WorkingFile file, string parent, string datasetId, string datasetName, DateTimeOffset now)
    {
        using var connection = file.Connect();
        // Ids stay out: the same records typed again are the same data.
        var splits = DatasetSnapshot.Splits.ToDictionary(split => split, _ => new List<InstructionRecord>());
        foreach (var record in RecordQueries.All(connection, null))
            splits[Name(record.Split)].Add(new InstructionRecord(record.Instruction, record.Input, record.Output));
        var content = splits.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<InstructionRecord>)pair.Value);
        var target = Path.Combine(parent, DatasetSnapshot.Hash(content));
        return Directory.Exists(target)
            ? DatasetSnapshot.Open(target).Manifest!
            : DatasetSnapshot.Write(target, content, datasetName, datasetId, now);
    }

    public static string Name(DatasetSplit split) => split.ToString().ToLowerInvariant();
}
