using static TorchSharp.torch;

namespace Peft.Core.Training;

/// <summary>How records are put together.</summary>
/// <param name="BatchSize">Examples of a micro-batch.</param>
/// <param name="Accumulation">Micro-batches of an optimizer step; the last step of an epoch may have fewer.</param>
/// <param name="Seed">Seed of the order.</param>
/// <param name="GroupByLength">
/// Puts examples of similar length into one batch, by sorting inside windows of 16 batches; the set of examples of each window and so what
/// an epoch learns from stay as they are.
/// </param>
/// <param name="Sequential">Takes the examples as they stand instead of shuffling them.</param>
/// <param name="DropLast">Leaves out the last micro-batch of an epoch when it is not full.</param>
public sealed record BatchSettings(int BatchSize, int Accumulation, int Seed, bool GroupByLength = false, bool Sequential = false, bool DropLast = false)
{
    /// <summary>Those of training arguments.</summary>
    public static BatchSettings Of(TrainingArguments arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return new BatchSettings(
            arguments.PerDeviceTrainBatchSize,
            arguments.GradientAccumulationSteps,
            arguments.Seed,
            arguments.GroupByLength,
            arguments.TrainSamplingStrategy == "sequential",
            arguments.DataloaderDropLast);
    }

    /// <summary>Micro-batches of an epoch over so many examples.</summary>
    public int BatchesPerEpoch(int examples) => DropLast ? examples / BatchSize : (examples + BatchSize - 1) / BatchSize;

    /// <summary>Optimizer steps of an epoch over so many examples.</summary>
    public int StepsPerEpoch(int examples) => Math.Max(1, (BatchesPerEpoch(examples) + Accumulation - 1) / Accumulation);
}

/// <summary>
/// Which examples each optimizer step sees. The order of an epoch is <c>randperm(n)</c> of a CPU generator seeded <c>seed + epoch</c>, as
/// the Hugging Face Trainer has it; it depends on nothing else, so a resumed run needs only the number of the step.
/// </summary>
public sealed class BatchPlan
{
    private const int WindowBatches = 16;
    private readonly BatchSettings settings;
    private readonly IReadOnlyList<int> lengths;
    private readonly int batchesPerEpoch;
    private int plannedEpoch = -1;
    private readonly IExampleOrder? order;
    private int[][][] planned = [];
    private (long Number, int[][] Batches) window = (-1, []);

    /// <summary>A plan.</summary>
    /// <param name="lengths">Length of every example.</param>
    /// <param name="settings">How they are put together.</param>
    /// <param name="order">Which example stands where, computed as it is needed; null for the Hugging Face Trainer's order.</param>
    /// <exception cref="PeftException">There is not one full batch, and others are to be left out.</exception>
    public BatchPlan(IReadOnlyList<int> lengths, BatchSettings settings, IExampleOrder? order = null)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentOutOfRangeException.ThrowIfZero(lengths.Count, nameof(lengths));
        this.lengths = lengths;
        this.settings = settings;
        this.order = order;
        batchesPerEpoch = settings.BatchesPerEpoch(lengths.Count);
        if (batchesPerEpoch == 0)
            throw new PeftException($"dataloader_drop_last: {lengths.Count} training records do not fill one batch of {settings.BatchSize}, so all would be left out. Lower per_device_train_batch_size.");
        StepsPerEpoch = settings.StepsPerEpoch(lengths.Count);
    }

    /// <summary>A plan that shuffles.</summary>
    /// <param name="lengths">Length of every example.</param>
    /// <param name="batchSize">Examples of a micro-batch.</param>
    /// <param name="accumulation">Micro-batches of an optimizer step.</param>
    /// <param name="seed">Seed of the order.</param>
    /// <param name="groupByLength">Puts examples of similar length into one batch.</param>
    public BatchPlan(IReadOnlyList<int> lengths, int batchSize, int accumulation, int seed, bool groupByLength = false)
        : this(lengths, new BatchSettings(batchSize, accumulation, seed, groupByLength))
    {
    }

    /// <summary>Optimizer steps of an epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Epochs done after so many optimizer steps, counted in micro-batches as the Hugging Face Trainer counts them.</summary>
    public double EpochAfter(int steps)
    {
        var (epoch, within) = (steps / StepsPerEpoch, steps % StepsPerEpoch);
        return epoch + (Math.Min(within * settings.Accumulation, batchesPerEpoch) / (double)batchesPerEpoch);
    }

    /// <summary>The micro-batches of an optimizer step, counted from 0 over all epochs.</summary>
    public IReadOnlyList<int[]> Step(int step)
    {
        var epoch = step / StepsPerEpoch;
        if (order is not null)
        {
            var first = step % StepsPerEpoch * settings.Accumulation;
            return [.. Enumerable.Range(first, Math.Min(settings.Accumulation, batchesPerEpoch - first)).Select(batch => Batch(order, epoch, batch))];
        }

        if (epoch != plannedEpoch)
        {
            planned = [.. Batches(Order(epoch), epoch).Take(batchesPerEpoch).Chunk(settings.Accumulation)];
            plannedEpoch = epoch;
        }

        return planned[step % StepsPerEpoch];
    }

    /// <summary>The order of the examples in an epoch.</summary>
    public int[] Order(int epoch)
    {
        if (settings.Sequential)
            return [.. Enumerable.Range(0, lengths.Count)];
        using var generator = new Generator((ulong)(settings.Seed + epoch), CPU);
        using var order = randperm(lengths.Count, generator: generator);
        return [.. order.data<long>().ToArray().Select(i => (int)i)];
    }

    private int[] Batch(IExampleOrder places, int epoch, int batch)
    {
        int[] Rows(int from, int count) => [.. Enumerable.Range(from, Math.Min(count, places.Count - from)).Select(place => places.At(epoch, place))];
        if (!settings.GroupByLength)
            return Rows(batch * settings.BatchSize, settings.BatchSize);
        var number = ((long)epoch << 32) | (uint)(batch / WindowBatches);
        if (window.Number != number)
        {
            var rows = Rows(batch / WindowBatches * WindowBatches * settings.BatchSize, WindowBatches * settings.BatchSize);
            window = (number, Grouped(rows, new Random(HashCode(settings.Seed, number))));
        }

        return window.Batches[batch % WindowBatches];
    }

    private static int HashCode(int seed, long number) => unchecked((int)ShuffledOrder.Mix(((ulong)(uint)seed << 32) ^ (ulong)number));

    private int[][] Grouped(int[] rows, Random random)
    {
        var sorted = rows.OrderBy(i => lengths[i]).Chunk(settings.BatchSize).ToArray();

        // A short last batch must stay last, so that the number of steps does not depend on luck.
        var full = sorted.Length > 0 && sorted[^1].Length < settings.BatchSize ? sorted.Length - 1 : sorted.Length;
        random.Shuffle(sorted.AsSpan(0, full));
        return sorted;
    }

    private IEnumerable<int[]> Batches(int[] order, int epoch)
    {
        if (!settings.GroupByLength)
            return order.Chunk(settings.BatchSize);
        var random = new Random(unchecked((settings.Seed * 9973) + epoch));
        var batches = new List<int[]>();
        foreach (var rows in order.Chunk(settings.BatchSize * WindowBatches))
            batches.AddRange(Grouped(rows, random));

        return batches;
    }
}
