using Peft.Core.Data;
using Peft.Core.Models;
using Peft.Core.Training.Tasks;
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
    public static double Loss(CausalLanguageModel model, IReadOnlyList<TokenizedExample> examples, int batchSize, Action<int>? between = null) =>
        Loss(model, new CausalSplit(examples), batchSize, between);

    /// <summary>
    /// The loss as Hugging Face's Trainer reports it: records in their order, each batch's own loss (with label smoothing, where it is trained
    /// with), and their mean weighted by records. It depends on the batches.
    /// </summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="split">The examples.</param>
    /// <param name="batchSize">Examples computed together.</param>
    /// <param name="labelSmoothing">ε of label smoothing.</param>
    public static double LossByRows(BaseModel model, TaskSplit split, int batchSize, double labelSmoothing)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(split);
        var wasTraining = model.Training;
        model.Training = false;
        try
        {
            using var gradOff = no_grad();
            var sum = 0.0;
            foreach (var rows in Enumerable.Range(0, split.Count).Chunk(batchSize))
            {
                using var scope = NewDisposeScope();
                using var batch = split.Collate(model, rows);
                sum += rows.Length * batch.Loss(new LossGroup(1, batch.Items, labelSmoothing)).item<float>();
            }

            return sum / split.Count;
        }
        finally
        {
            model.Training = wasTraining;
        }
    }

    /// <summary>Mean loss over everything that carries loss in a split: answer tokens, tags, texts or windows, in nats.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="split">The examples.</param>
    /// <param name="batchSize">Examples computed together.</param>
    /// <param name="between">Called between batches with the number of examples done; may throw to end early.</param>
    /// <exception cref="PeftException">No example carries a label.</exception>
    public static double Loss(BaseModel model, TaskSplit split, int batchSize, Action<int>? between = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(split);
        var wasTraining = model.Training;
        model.Training = false;
        try
        {
            using var gradOff = no_grad();
            var (sum, items, done) = (0.0, 0.0, 0);
            foreach (var rows in Enumerable.Range(0, split.Count).OrderBy(i => split.Lengths[i]).Chunk(batchSize))
            {
                using var scope = NewDisposeScope();
                using var batch = split.Collate(model, rows);
                if (batch.Items > 0)
                    sum += batch.Items * batch.Loss(new LossGroup(1, batch.Items, 0)).item<float>();
                items += batch.Items;
                done += rows.Length;
                between?.Invoke(done);
            }

            return items > 0 ? sum / items : throw new PeftException("There is no answer token to measure the loss on.");
        }
        finally
        {
            model.Training = wasTraining;
        }
    }
}
