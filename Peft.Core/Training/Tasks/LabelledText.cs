using Peft.Core.Data;
using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>
/// Examples of a task whose labels are tensors beside the ids. A micro-batch has its own mean loss, and a group the mean of those, as Hugging
/// Face's Trainer has it for these heads.
/// </summary>
/// <typeparam name="T">Kind of example.</typeparam>
/// <param name="examples">The examples.</param>
/// <param name="batch">Makes a batch of them.</param>
internal sealed class LabelledSplit<T>(IReadOnlyList<T> examples, Func<BaseModel, IReadOnlyList<T>, TaskBatch> batch) : TaskSplit
    where T : EncodedText
{
    public IReadOnlyList<T> Examples => examples;

    public override IReadOnlyList<int> Lengths { get; } = [.. examples.Select(e => e.Ids.Length)];

    public override TaskSplit Join(TaskSplit others) => new LabelledSplit<T>([.. examples, .. ((LabelledSplit<T>)others).Examples], batch)
    {
        CutRecords = CutRecords + others.CutRecords,
        DroppedRecords = DroppedRecords + others.DroppedRecords,
        CutTokens = CutTokens + others.CutTokens,
    };

    public override TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows) => batch(model, [.. rows.Select(row => examples[row])]);

    /// <summary>Encodes records in parallel; what they lost is counted, and those that lose something are left out when the policy says so.</summary>
    public static LabelledSplit<T> Encode<TRecord>(
        IReadOnlyList<IDataRecord> records, CutPolicy policy, Func<TRecord, string, T> encode, string split, Func<BaseModel, IReadOnlyList<T>, TaskBatch> batch)
        where TRecord : IDataRecord
    {
        var examples = RecordWork.Each(records.Count, i =>
        {
            var id = records[i].Id is { } given ? $" ({given})" : "";
            return encode((TRecord)records[i], $"{split} record {i + 1}{id}");
        });
        var kept = policy == CutPolicy.Drop ? [.. examples.Where(e => e.CutTokens == 0)] : examples;
        return new LabelledSplit<T>(kept, batch)
        {
            CutRecords = kept.Count(e => e.CutTokens > 0),
            DroppedRecords = examples.Length - kept.Length,
            CutTokens = kept.Sum(e => (long)e.CutTokens),
        };
    }
}

/// <summary>A micro-batch whose loss comes from the head's scores and some labels.</summary>
/// <param name="model">The model.</param>
/// <param name="text">The ids.</param>
/// <param name="labels">Labels on the model's device; disposed with the batch.</param>
/// <param name="items">What the mean loss is a mean over.</param>
/// <param name="tokens">Tokens without padding.</param>
/// <param name="loss">Mean loss of scores, with ε of label smoothing.</param>
internal sealed class LabelledBatch(BaseModel model, PaddedText text, IReadOnlyList<Tensor> labels, double items, int tokens, Func<Tensor, double, Tensor> loss) : TaskBatch
{
    public override int Tokens => tokens;

    public override double Items => items;

    public override Tensor Loss(LossGroup group)
    {
        using var scope = NewDisposeScope();
        return (loss(text.Scores(model), group.LabelSmoothing) / group.Batches).MoveToOuterDisposeScope();
    }

    protected override void Dispose(bool disposing)
    {
        text.Dispose();
        foreach (var label in labels)
            label.Dispose();
    }
}
