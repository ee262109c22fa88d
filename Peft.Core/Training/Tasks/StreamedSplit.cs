using System.Collections;
using Peft.Core.Data;
using Peft.Core.Models;

namespace Peft.Core.Training.Tasks;

/// <summary>
/// Examples that are read and cut into tokens when their batch is made, so that memory does not grow with the data. A record that the cut
/// policy leaves out is missing from its batch; where that leaves a batch empty, the next record that fits stands in.
/// </summary>
internal sealed class StreamedSplit : TaskSplit
{
    private readonly TrainingTask task;
    private readonly IReadOnlyList<IDataRecord> records;
    private readonly string name;
    private int cutRecords;
    private int droppedRecords;
    private long cutTokens;
    private int seenRecords;

    /// <param name="task">Turns records into ids.</param>
    /// <param name="records">The records, read when they are asked for.</param>
    /// <param name="name">Name of the split for messages.</param>
    public StreamedSplit(TrainingTask task, IReadOnlyList<IDataRecord> records, string name)
    {
        this.task = task;
        this.records = records;
        this.name = name;
        Lengths = new LazyLengths(this);
    }

    public override IReadOnlyList<int> Lengths { get; }

    public override bool IsStreamed => true;

    /// <summary>So far; a record counts every time it comes up.</summary>
    public override int CutRecords => cutRecords;

    public override int DroppedRecords => droppedRecords;

    public override long CutTokens => cutTokens;

    public override int SeenRecords => seenRecords;

    public override IExampleOrder? Order(BatchSettings settings) =>
        settings.Sequential ? new SequentialOrder(records.Count) : new ShuffledOrder(records.Count, settings.Seed);

    public override TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows)
    {
        var encoded = task.Encode([.. rows.Select(row => records[row])], name);
        cutRecords += encoded.CutRecords;
        droppedRecords += encoded.DroppedRecords;
        cutTokens += encoded.CutTokens;
        seenRecords += encoded.Count;
        for (var next = rows[^1] + 1; encoded.Count == 0 && next < rows[^1] + records.Count; next++)
            encoded = task.Encode([records[next % records.Count]], name);
        return encoded.Count > 0
            ? encoded.Collate(model, [.. Enumerable.Range(0, encoded.Count)])
            : throw new PeftException($"max_length: no training record fits into {task.Setting.Arguments.MaxLength} tokens. Raise max_length or choose another cut policy.");
    }

    /// <summary>Lengths that are found out one by one; a record that is left out has none.</summary>
    private sealed class LazyLengths(StreamedSplit split) : IReadOnlyList<int>
    {
        public int Count => split.records.Count;

        public int this[int index] => split.task.Encode([split.records[index]], split.name).Lengths.Sum();

        public IEnumerator<int> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>Examples of several datasets behind one another, trained by weight.</summary>
/// <param name="all">The examples of all datasets.</param>
/// <param name="counts">Examples of every dataset.</param>
/// <param name="weights">Weight of every dataset.</param>
internal sealed class MixedSplit(TaskSplit all, IReadOnlyList<int> counts, IReadOnlyList<double> weights) : TaskSplit
{
    public override IReadOnlyList<int> Lengths => all.Lengths;

    public override int Records => all.Records;

    public override bool IsStreamed => all.IsStreamed;

    public override int CutRecords => all.CutRecords;

    public override int DroppedRecords => all.DroppedRecords;

    public override long CutTokens => all.CutTokens;

    public override int SeenRecords => all.SeenRecords;

    public override IExampleOrder? Order(BatchSettings settings) => new MixedOrder(counts, weights, settings.Seed);

    public override TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows) => all.Collate(model, rows);
}

/// <summary>Lists behind one another.</summary>
/// <param name="lists">The lists.</param>
internal sealed class JoinedRecords(IReadOnlyList<IReadOnlyList<IDataRecord>> lists) : IReadOnlyList<IDataRecord>
{
    public int Count { get; } = lists.Sum(list => list.Count);

    public IDataRecord this[int index]
    {
        get
        {
            var list = 0;
            while (index >= lists[list].Count)
                index -= lists[list++].Count;
            return lists[list][index];
        }
    }

    public IEnumerator<IDataRecord> GetEnumerator() => lists.SelectMany(list => list).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
