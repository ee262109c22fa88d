using Peft.Core.Data;
using Peft.Core.Models;

namespace Peft.Core.Training.Tasks;

/// <summary>
/// Rows that hold several examples each: the longest example first, each into the row that it fills best. An example of this split is a row.
/// </summary>
internal sealed class PackedSplit : TaskSplit
{
    private readonly IReadOnlyList<TokenizedExample> examples;
    private readonly IReadOnlyList<int[]> rows;

    /// <param name="split">The examples.</param>
    /// <param name="width">Most tokens of a row.</param>
    public PackedSplit(CausalSplit split, int width)
    {
        examples = split.Examples;
        rows = Packing.BestFitDecreasing(split.Lengths, width);
        Lengths = [.. rows.Select(row => row.Sum(i => examples[i].Length))];
        CutRecords = split.CutRecords;
        DroppedRecords = split.DroppedRecords;
        CutTokens = split.CutTokens;
    }

    public override IReadOnlyList<int> Lengths { get; }

    public override int Records => examples.Count;

    public override TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows) => new CausalBatch(
        (CausalLanguageModel)model,
        Batch.Pack([.. rows.Select(row => this.rows[row].Select(i => examples[i]).ToArray())], model.Config.PadTokenId ?? 0, model.Device));
}
