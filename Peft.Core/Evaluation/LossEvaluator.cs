using Peft.Core.Data;
using Peft.Core.Models;
using Peft.Core.Training;
using static TorchSharp.torch;

namespace Peft.Core.Evaluation;

/// <summary>Loss on held-out examples.</summary>
public static class LossEvaluator
{
    /// <summary>
    /// Mean loss over all answer tokens of all examples, in nats. Every token weighs the same, so the result does not depend on how the
    /// examples are put into batches.
    /// </summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="examples">The examples.</param>
    /// <param name="batchSize">Examples computed together.</param>
    /// <param name="between">Called between batches with the number of examples done; may throw to end early.</param>
    /// <exception cref="PeftException">No example carries a label.</exception>
    public static double Loss(CausalLanguageModel model, IReadOnlyList<TokenizedExample> examples, int batchSize, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(examples);
        var labels = examples.Sum(e => (long)e.LabelCount);
        if (labels == 0)
            throw new PeftException("There is no answer token to measure the loss on.");
        var wasTraining = model.Training;
        model.Training = false;
        try
        {
            using var gradOff = no_grad();
            var (sum, done) = (0.0, 0);
            foreach (var rows in examples.OrderBy(e => e.Length).Chunk(batchSize))
            {
                using var scope = NewDisposeScope();
                using var batch = Batch.Collate(rows, model.Config.PadTokenId ?? 0, model.Device);
                sum += CausalLoss.Compute(model, batch.InputIds, batch.AttentionMask, batch.Labels, numItemsInBatch: 1).item<float>();
                done += rows.Length;
                between?.Invoke(done);
            }

            return sum / labels;
        }
        finally
        {
            model.Training = wasTraining;
        }
    }
}
