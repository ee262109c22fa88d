using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Workbench.Client.Contracts;
using DatasetKind = Workbench.Client.Contracts.DatasetKind;

namespace Workbench.Server.Datasets;

/// <summary>Writes the immutable folders that runs train on, <c>&lt;dataset&gt;/&lt;hash&gt;/</c>.</summary>
internal static class SnapshotWriter
{
    /// <summary>Freezes the current records. Equal records have an equal hash, and what exists already is not written twice.</summary>
    public static SnapshotManifest Write(WorkingFile file, string parent, string datasetId, string datasetName, DateTimeOffset now)
    {
        using var connection = file.Connect();
        var kind = RecordQueries.Kind(connection) ?? DatasetKind.Instruction;
        // Ids stay out: the same records typed again are the same data.
        var splits = DatasetSnapshot.Splits.ToDictionary(split => split, _ => new List<IDataRecord>());
        var areChats = kind == DatasetKind.Instruction && RecordQueries.All(connection, null).Any(record => Conversations.Of(record) is not null);
        foreach (var record in RecordQueries.All(connection, null))
        {
            splits[Name(record.Split)].Add(areChats ? Conversations.Of(record) ?? Conversations.OfOneTurn(record)
                : kind == DatasetKind.Instruction ? new InstructionRecord(record.Instruction, record.Input, record.Output)
                : TaskContents.Read(kind, record));
        }

        var content = splits.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<IDataRecord>)pair.Value);
        var target = Path.Combine(parent, DatasetSnapshot.Hash(content));
        var (labels, problemType) = Labels([.. splits.Values.SelectMany(records => records)]);
        return Directory.Exists(target)
            ? DatasetSnapshot.Open(target).Manifest!
            : DatasetSnapshot.Write(target, content, datasetName, datasetId, now, areChats ? Peft.Core.Data.DatasetKind.Chat : TaskContents.ToEngine(kind), labels, problemType);
    }

    /// <summary>What records are labelled with, in an order that depends on nothing but the labels.</summary>
    private static (IReadOnlyList<string>? Labels, string? ProblemType) Labels(IReadOnlyList<IDataRecord> records)
    {
        if (records is [TaggingRecord, ..])
            return (Ordered(records.OfType<TaggingRecord>().SelectMany(record => record.Entities).Select(entity => entity.Type)), null);
        if (records is not [ClassificationRecord, ..])
            return (null, null);
        var kinds = records.OfType<ClassificationRecord>().Select(record => record.Label.ProblemType).Distinct().ToArray();
        return kinds is [var one]
            ? (one == "regression" ? null : Ordered(records.OfType<ClassificationRecord>().SelectMany(record => record.Label.Names)), one)
            : throw new PeftException($"Some texts have {string.Join(", others ", kinds)} labels: a dataset needs labels of one sort (a word, a list of words, or a number).");
    }

    private static string[] Ordered(IEnumerable<string> labels) => [.. labels.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    public static string Name(DatasetSplit split) => split.ToString().ToLowerInvariant();
}
