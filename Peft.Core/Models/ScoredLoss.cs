using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models;

/// <summary>
/// Cross-entropy over a vocabulary without the scores of all positions in memory: some positions at a time go through the head forwards and
/// at once backwards, so that of each only its loss and the gradient of its hidden state [C] stay. With 152,000 tokens and 256 positions
/// that saves half a gigabyte. The head must be frozen: its own gradient would be taken before the loss is weighted.
/// </summary>
internal static class ScoredLoss
{
    /// <summary>Scores that are in memory at a time: 16 MiB of them, which a few temporary tensors of the same size accompany.</summary>
    public const long UsualScoresAtATime = 4 << 20;

    /// <summary>Whether it pays: the head is frozen, and there are more scores than should be in memory.</summary>
    /// <param name="model">The model.</param>
    /// <param name="positions">Positions that carry loss.</param>
    /// <param name="scoresAtATime">Scores that are in memory at a time.</param>
    public static bool Suits(CausalLanguageModel model, long positions, long scoresAtATime) =>
        model.Head is { Adapter: null, WeightParameter.Trains: false, BiasParameter: null or { Trains: false } } && positions > RowsAtATime(model, scoresAtATime);

    /// <summary>The summed loss of hidden states [n, C] for their targets [n], divided by a number.</summary>
    public static Tensor Compute(CausalLanguageModel model, Tensor hidden, Tensor targets, double divisor, double labelSmoothing, long scoresAtATime)
    {
        var learns = hidden.requires_grad && is_grad_enabled();
        var (count, step) = (hidden.shape[0], RowsAtATime(model, scoresAtATime));
        var gradient = learns ? empty_like(hidden).detach() : null;
        var total = zeros([], ScalarType.Float32, hidden.device);
        for (var start = 0L; start < count; start += step)
        {
            using var scope = NewDisposeScope();
            var rows = Math.Min(step, count - start);
            var part = hidden.detach().narrow(0, start, rows);
            part.requires_grad = learns;
            var loss = F.cross_entropy(model.Logits(part), targets.narrow(0, start, rows), reduction: nn.Reduction.Sum, label_smoothing: labelSmoothing) / divisor;
            if (learns)
                loss.backward();
            using var gradOff = no_grad();
            total.add_(loss);
            gradient?.narrow(0, start, rows).copy_(part.grad!);
        }

        if (!learns)
            return total;

        // A term of value 0 whose derivative is the gradient that is known already.
        var carrier = (hidden * gradient!).sum();
        return total + (carrier - carrier.detach());
    }

    private static long RowsAtATime(CausalLanguageModel model, long scoresAtATime) => Math.Max(16, scoresAtATime / model.Config.VocabSize);
}
