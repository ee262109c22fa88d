using static TorchSharp.torch;

namespace Peft.Core.Training;

/// <summary>
/// Which examples each optimizer step sees. The order of an epoch is <c>randperm(n)</c> of a CPU generator seeded <c>seed + epoch</c>, as
/// the Hugging Face Trainer has it; it depends on nothing else, so a resumed run needs only the number of the step.
/// </summary>
public sealed class BatchPlan
{
    private const int WindowBatches = 16;
    private readonly int batchSize;
    private readonly int accumulation;
    private readonly int seed;
    private readonly bool groupByLength;
    private readonly IReadOnlyList<int> lengths;
    private int plannedEpoch = -1;
    private int[][][] planned = [];

    /// <summary>A plan.</summary>
    /// <param name="lengths">Length of every example.</param>
    /// <param name="batchSize">Examples of a micro-batch.</param>
    /// <param name="accumulation">Micro-batches of an optimizer step; the last step of an epoch may have fewer.</param>
    /// <param name="seed">Seed of the order.</param>
    /// <param name="groupByLength">
    /// Puts examples of similar length into one batch, by sorting inside windows of 16 batches; the set of examples of each window and
    /// so what an epoch learns from stay as they are.
    /// </param>
    public BatchPlan(IReadOnlyList<int> lengths, int batchSize, int accumulation, int seed, bool groupByLength = false)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        ArgumentOutOfRangeException.ThrowIfZero(lengths.Count, nameof(lengths));
        this.lengths = lengths;
        this.batchSize = batchSize;
        this.accumulation = accumulation;
        this.seed = seed;
        this.groupByLength = groupByLength;
        var batches = (lengths.Count + batchSize - 1) / batchSize;
        StepsPerEpoch = (batches + accumulation - 1) / accumulation;
    }

    /// <summary>Optimizer steps of an epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>The micro-batches of an optimizer step, counted from 0 over all epochs.</summary>
    public IReadOnlyList<int[]> Step(int step)
    {
        var epoch = step / StepsPerEpoch;
        if (epoch != plannedEpoch)
        {
            planned = [.. Batches(Order(epoch), epoch).Chunk(accumulation)];
            plannedEpoch = epoch;
        }

        return planned[step % StepsPerEpoch];
    }

    /// <summary>The order of the examples in an epoch.</summary>
    public int[] Order(int epoch)
    {
        using var generator = new Generator((ulong)(seed + epoch), CPU);
        using var order = randperm(lengths.Count, generator: generator);
        return [.. order.data<long>().ToArray().Select(i => (int)i)];
    }

    private IEnumerable<int[]> Batches(int[] order, int epoch)
    {
        if (!groupByLength)
            return order.Chunk(batchSize);
        var random = new Random(unchecked((seed * 9973) + epoch));
        var batches = new List<int[]>();
        foreach (var window in order.Chunk(batchSize * WindowBatches))
        {
            var sorted = window.OrderBy(i => lengths[i]).Chunk(batchSize).ToArray();

            // A short last batch must stay last, so that the number of steps does not depend on luck.
            var full = sorted.Length > 0 && sorted[^1].Length < batchSize ? sorted.Length - 1 : sorted.Length;
            random.Shuffle(sorted.AsSpan(0, full));
            batches.AddRange(sorted);
        }

        return batches;
    }
}
