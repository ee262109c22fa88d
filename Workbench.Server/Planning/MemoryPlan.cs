using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Training;
using Peft.Core.Training.Optimizers;
using Workbench.Client.Contracts;

namespace Workbench.Server.Planning;

/// <summary>
/// What a run takes in memory, estimated from shapes: base weights in their element type, what trains in float32, what the
/// optimizer remembers and the gradient beside it, and the values that the backward pass needs. An upper estimate: texts are counted at their longest.
/// </summary>
internal static class MemoryPlan
{
    private const int Float32 = 4;

    /// <summary>Values per layer and position kept for the backward pass, in widths: attention's four, the norms' two, the residuals' two.</summary>
    private const int ResidualWidths = 8;

    /// <summary>The same in widths of the feed-forward layer: gate, up, and their product.</summary>
    private const int FeedForwardWidths = 3;

    public static MemoryEstimate Estimate(ModelConfig model, IReadOnlyList<TrainableShape> trained, TrainingArguments arguments, int longest, int weightBytes, bool trains)
    {
        var all = model.ParameterCount();
        var trainable = trained.Sum(shape => shape.Count);
        var inBase = trained.Where(shape => shape.InBase).Sum(shape => shape.Count);
        var weights = all * weightBytes;
        // A trained base weight is a copy in float32 beside the mapped original.
        var adapter = trainable * Float32;
        var optimizer = trains ? (long)(trainable * Float32 * (1 + OptimizerChoice.ValuesPerParameter(arguments.Optim))) : 0;
        var tokens = (long)arguments.PerDeviceTrainBatchSize * longest;
        var activations = trains ? Activations(model, tokens, longest, arguments.PerDeviceTrainBatchSize, inBase == all, arguments.GradientCheckpointing) : Cache(model, tokens);
        var total = weights + adapter + optimizer + activations + Runtime;
        return new MemoryEstimate(weights, adapter, optimizer, activations, total, Machine());
    }

    /// <summary>Thousandths of a bit that NF4 with doubly quantised scales takes per weight (https://arxiv.org/abs/2305.14314).</summary>
    public const int Nf4Bits = 4127;

    /// <summary>Bytes for training on one text of 512 tokens at a time, a little more than the smallest run that is worth while.</summary>
    /// <param name="model">The base.</param>
    /// <param name="weights">Bytes of the base weights as they lie in memory.</param>
    /// <param name="trained">Number of trained values.</param>
    public static long ForOneText(ModelConfig model, long weights, long trained)
    {
        const int length = 512;
        var full = trained == model.ParameterCount();

        // Gradient and AdamW's two moments beside each trained value; an adapter's own values too.
        var optimizer = trained * Float32 * (full ? 3 : 4);
        return weights + optimizer + Activations(model, length, length, batch: 1, full) + Runtime;
    }

    /// <summary>The process itself with the tensor library loaded, before any weight.</summary>
    private const long Runtime = 250L * 1024 * 1024;

    /// <summary>Memory that this machine (or the container) lets a process have, in bytes.</summary>
    public static long Machine() => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static long Activations(ModelConfig model, long tokens, int longest, int batch, bool full, bool again = false)
    {
        // Layers that are computed again keep their inputs, and one of them at a time the rest.
        var whole = again ? 1 : model.NumHiddenLayers;
        var inputs = again ? (long)model.NumHiddenLayers * tokens * model.HiddenSize * Float32 : 0;
        var widest = model.Linears().Max(linear => Math.Max(linear.InFeatures, linear.OutFeatures));
        var perPosition = ((long)ResidualWidths * model.HiddenSize) + ((long)FeedForwardWidths * widest);
        var layers = inputs + (whole * tokens * perPosition * Float32);
        var scores = (long)whole * batch * model.NumAttentionHeads * longest * longest * Float32;
        // The head is evaluated where there are labels; a quarter of the positions is generous for extraction.
        var logits = tokens / 4 * model.VocabSize * Float32 * 2;
        return layers + scores + logits + (full ? 0 : tokens * model.HiddenSize * Float32);
    }

    private static long Cache(ModelConfig model, long tokens) =>
        (long)model.NumHiddenLayers * tokens * model.NumKeyValueHeads * (model.HeadDim + model.ValueHeadDim) * Float32;
}
