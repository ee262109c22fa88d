using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Training.Tasks;

/// <summary>A pass over examples without learning.</summary>
internal static class TaskPass
{
    /// <summary>Calls <paramref name="take"/> with the scores of every example, longest side by side with longest; gradients are off.</summary>
    /// <param name="model">Base with its adapter.</param>
    /// <param name="examples">The examples.</param>
    /// <param name="batchSize">Examples computed together.</param>
    /// <param name="take">Gets an example's number and its scores, [N] or [T, N] with T of the batch, on the CPU in fp32.</param>
    /// <param name="between">Called between batches with the number of examples done; may throw to end early.</param>
    public static void Scores(BaseModel model, IReadOnlyList<EncodedText> examples, int batchSize, Action<int, Tensor> take, Action<int>? between)
    {
        var wasTraining = model.Training;
        model.Training = false;
        try
        {
            using var gradOff = no_grad();
            var done = 0;
            foreach (var rows in Enumerable.Range(0, examples.Count).OrderBy(i => examples[i].Ids.Length).Chunk(Math.Max(1, batchSize)))
            {
                using var scope = NewDisposeScope();
                using var text = PaddedText.Of(model, [.. rows.Select(i => examples[i])]);
                var scores = text.Scores(model).cpu();
                for (var r = 0; r < rows.Length; r++)
                    take(rows[r], scores[r]);
                done += rows.Length;
                between?.Invoke(done);
            }
        }
        finally
        {
            model.Training = wasTraining;
        }
    }
}
