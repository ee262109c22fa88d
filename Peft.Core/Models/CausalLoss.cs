using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models;

/// <summary>
/// Cross-entropy of the next token, with labels aligned to the inputs as Hugging Face has them: −100 carries no loss, and the label of
/// position t is predicted from position t − 1 (from t itself where tokens see those behind them). The head is evaluated only at positions that carry loss, which for instruction data is a
/// small part of the batch.
/// </summary>
public static class CausalLoss
{
    /// <summary>A label that carries no loss.</summary>
    public const long Ignored = -100;

    /// <summary>The loss of a batch as a scalar in fp32.</summary>
    /// <param name="model">Base model with its adapter.</param>
    /// <param name="inputIds">Token ids [B, T].</param>
    /// <param name="attentionMask">1 for real tokens, [B, T], or null.</param>
    /// <param name="labels">Labels [B, T], not shifted.</param>
    /// <param name="numItemsInBatch">Divide the summed loss by this instead of the batch's own number of predicted labels (gradient accumulation).</param>
    /// <param name="labelSmoothing">ε of label smoothing; with it the loss is always the batch's own mean, as in Hugging Face's Trainer.</param>
    /// <param name="places">Where each token stands, [B, T], when rows hold several texts; null counts from the left.</param>
    /// <exception cref="PeftException">No label to learn from.</exception>
    public static Tensor Compute(
        CausalLanguageModel model,
        Tensor inputIds,
        Tensor? attentionMask,
        Tensor labels,
        double? numItemsInBatch = null,
        double labelSmoothing = 0,
        Tensor? places = null) =>
        Compute(model, inputIds, attentionMask, labels, numItemsInBatch, labelSmoothing, ScoredLoss.UsualScoresAtATime, places);

    /// <summary>The same with another number of scores that may be in memory at a time.</summary>
    internal static Tensor Compute(
        CausalLanguageModel model,
        Tensor inputIds,
        Tensor? attentionMask,
        Tensor labels,
        double? numItemsInBatch,
        double labelSmoothing,
        long scoresAtATime,
        Tensor? places = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        var (positions, targets) = PredictedPositions(labels, model.Config.LooksAhead, model.LeadingOutputs);
        if (positions.Length == 0 && numItemsInBatch is null)
            throw new PeftException("The batch carries no label to learn from: every output is empty or was cut off.");
        var hidden = model.Hidden(inputIds, attentionMask, null, places);
        var flat = hidden.view(-1, hidden.shape[2]); // [B*T, C]
        if (positions.Length == 0)
            return (flat.to(ScalarType.Float32).sum() * 0).MoveToOuterDisposeScope();
        var chosen = flat.index_select(0, tensor(positions, device: model.Device)); // [n, C]
        var target = tensor(targets, device: model.Device);
        var divideByOwnCount = numItemsInBatch is null || labelSmoothing > 0;
        if (ScoredLoss.Suits(model, positions.Length, scoresAtATime))
        {
            var divisor = divideByOwnCount ? positions.Length : numItemsInBatch!.Value;
            return ScoredLoss.Compute(model, chosen, target, divisor, labelSmoothing, scoresAtATime).MoveToOuterDisposeScope();
        }

        var loss = F.cross_entropy(
            model.Logits(chosen), // [n, V]
            target,
            reduction: divideByOwnCount ? nn.Reduction.Mean : nn.Reduction.Sum,
            label_smoothing: labelSmoothing);
        if (!divideByOwnCount)
            loss = loss / numItemsInBatch!.Value;
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>Labels other than −100 that some position predicts, so the first column does not count.</summary>
    public static int CountPredicted(Tensor labels) => PredictedPositions(labels, inPlace: false, 0).Targets.Length;

    /// <summary>Where labels are predicted in the flat outputs. Behind virtual tokens the first real token is predicted, too, by the last of them.</summary>
    private static (long[] Positions, long[] Targets) PredictedPositions(Tensor labels, bool inPlace, int leading)
    {
        using var cpu = labels.cpu();
        using var contiguous = cpu.contiguous();
        var width = (int)contiguous.shape[1];
        var values = contiguous.data<long>().ToArray();
        var positions = new List<long>();
        var targets = new List<long>();
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] == Ignored || (!inPlace && leading == 0 && i % width == 0))
                continue;
            var place = i + (leading * ((i / width) + 1L));
            positions.Add(inPlace ? place : place - 1);
            targets.Add(values[i]);
        }

        return ([.. positions], [.. targets]);
    }
}
