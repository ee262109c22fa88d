using System.Globalization;
using System.Text;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Pretraining;

/// <summary>The card of a new base: what it is, how it was made, what it reached.</summary>
internal static class BaseCard
{
    public static string Of(RunRequest request, PretrainingSetup setup, TrainerProgress progress, int totalSteps, (double Loss, double Accuracy)? measured)
    {
        var order = request.Pretraining!;
        var name = request.Name.Length > 0 ? request.Name : Path.GetFileName(order.Output ?? request.Id);
        var text = new StringBuilder();
        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"---");
        Line($"pipeline_tag: {setup.Layout.Objective switch { PretrainingObjective.MaskedLm => "fill-mask", PretrainingObjective.SpanCorruption => "text2text-generation", _ => "text-generation" }}");
        Line($"---");
        Line($"# {name}");
        Line($"");
        Line($"A small base model made with `peft pretrain` from plain text. It has seen nothing but its corpus; fine-tune it before use.");
        Line($"");
        Line($"- Architecture: `{setup.Layout.Architecture}`, {setup.Model.Config.ParameterCount():N0} parameters, stored in bf16; vocabulary {setup.Tokenizer.VocabularySize}.");
        Line($"- Tokenizer: that of {Name(request.BaseModel)}{(setup.Layout.Objective switch { PretrainingObjective.MaskedLm => ", extended by a mask token", PretrainingObjective.SpanCorruption => $", extended by {TokenizerExtension.SentinelCount} sentinels", _ => "" })}.");
        var start = order.InitFrom is { } whole ? $"the weights of {Name(whole)}" : order.InitEmbeddingsFrom is { } rows ? $"the embedding rows of {Name(rows)}, everything else random" : "random weights";
        if (order.InitFrom is null && order.NeighbourStart)
            start += ", some attention heads looking at neighbouring tokens";
        Line($"- Start: {start}; seed {setup.Arguments.Seed}.");
        var hidden = setup.Layout.Objective == PretrainingObjective.CausalLm ? FormattableString.Invariant($"next token") : setup.Layout.Objective == PretrainingObjective.MaskedLm
            ? FormattableString.Invariant($"masked language modelling, {order.NoiseDensity:P0} of the tokens")
            : FormattableString.Invariant($"span corruption, {order.NoiseDensity:P0} of the tokens in stretches of {order.MeanSpanLength} on average");
        Line($"- Objective: {hidden}.");
        Line($"- Training: {progress.Step} of {totalSteps} steps, batch {setup.Arguments.PerDeviceTrainBatchSize * setup.Arguments.GradientAccumulationSteps}, length {setup.Arguments.MaxLength}, {progress.Tokens:N0} tokens, {progress.Seconds / 60:F1} minutes, AdamW, peak learning rate {setup.Arguments.LearningRate:G3}, {setup.Arguments.LrSchedulerType}.");
        Line($"- Corpus: {Name(request.Dataset)}, {setup.Documents:N0} documents.");
        if (measured is { } result)
            Line($"- Held-out text: loss {result.Loss:F3} nats per predicted token, accuracy {result.Accuracy:P1}.");
        return text.ToString();
    }

    private static string Name(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
}
