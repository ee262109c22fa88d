using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;
using Peft.Core.Models;
using Peft.Core.Tokenization;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>CAUSAL_LM: a decoder goes on from the prompt; by default only answers carry loss. Texts without a question are learnt whole.</summary>
public sealed class InstructionFollowing : WritingTask
{
    /// <summary>The task for a base.</summary>
    public InstructionFollowing(TaskSetting setting)
        : base(setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        var template = PromptTemplate.Of(setting.Tokenizer, setting.Arguments.PromptFormat);
        TemplateMismatch = template.Mismatch(setting.Tokenizer);
        Encoder = new ExampleEncoder(setting.Tokenizer, template, setting.Arguments.MaxLength, setting.Arguments.CutPolicy, setting.Arguments.TrainOn);
    }

    /// <summary>What of the chosen template the base does not know; null when they match.</summary>
    public string? TemplateMismatch { get; }

    /// <summary>Turns records into ids.</summary>
    public ExampleEncoder Encoder { get; }

    /// <inheritdoc />
    public override TaskSplit Encode(IReadOnlyList<IDataRecord> records, string split)
    {
        ArgumentNullException.ThrowIfNull(records);
        var encoded = Encoder.EncodeAll(records, split);
        return new CausalSplit(encoded.Examples) { CutRecords = encoded.CutRecords, DroppedRecords = encoded.DroppedRecords, CutTokens = encoded.CutTokens };
    }

    /// <inheritdoc />
    public override TaskSplit Pack(TaskSplit split) => new PackedSplit((CausalSplit)split, Setting.Arguments.MaxLength);

    /// <inheritdoc />
    public override TaskResult Evaluate(BaseModel model, IReadOnlyList<IDataRecord> records, EvaluationSetting setting, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(setting);
        if (records is not [TextRecord, ..])
            return base.Evaluate(model, records, setting, between);

        // There is nothing to answer: what is measured is how well the texts are foreseen.
        var loss = LossEvaluator.Loss(model, Encode(records, "evaluated"), Math.Max(1, setting.BatchSize), between);
        return new TaskResult([], new TaskReport(new Dictionary<string, double?> { ["perplexity"] = Math.Exp(loss), ["loss"] = loss }, "perplexity"));
    }

    /// <inheritdoc />
    public override string[] Answer(BaseModel model, IReadOnlyList<IDataRecord> records, int batchSize, int maxNewTokens, Action<int>? between = null) =>
        new AnswerGenerator((CausalLanguageModel)model, Setting.Tokenizer, Encoder, maxNewTokens).Answer(records, batchSize, between);
}

/// <summary>Examples of a decoder.</summary>
internal sealed class CausalSplit(IReadOnlyList<TokenizedExample> examples) : TaskSplit
{
    public IReadOnlyList<TokenizedExample> Examples => examples;

    public override TaskSplit Join(TaskSplit others) => new CausalSplit([.. examples, .. ((CausalSplit)others).Examples])
    {
        CutRecords = CutRecords + others.CutRecords,
        DroppedRecords = DroppedRecords + others.DroppedRecords,
        CutTokens = CutTokens + others.CutTokens,
    };

    public override IReadOnlyList<int> Lengths { get; } = [.. examples.Select(e => e.Length)];

    public override TaskBatch Collate(BaseModel model, IReadOnlyList<int> rows) =>
        new CausalBatch((CausalLanguageModel)model, Batch.Collate([.. rows.Select(row => examples[row])], model.Config.PadTokenId ?? 0, model.Device));
}

/// <summary>
/// Accumulation is exact by tokens: every micro-batch is divided by the label tokens of the whole group. With label smoothing each has its
/// own mean, and the group their sum, as Hugging Face's Trainer has it.
/// </summary>
internal sealed class CausalBatch(CausalLanguageModel model, Batch batch) : TaskBatch
{
    public override int Tokens => batch.Tokens;

    public override double Items => batch.LabelTokens;

    public override Tensor Loss(LossGroup group) =>
        CausalLoss.Compute(model, batch.InputIds, batch.AttentionMask, batch.Labels, group.Items, group.LabelSmoothing, batch.Positions);

    protected override void Dispose(bool disposing) => batch.Dispose();
}
