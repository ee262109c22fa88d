namespace Peft.Core.Training;

/// <summary>Which example stands where in an epoch, one place at a time: nothing as long as the data is held in memory.</summary>
public interface IExampleOrder
{
    /// <summary>Places of an epoch.</summary>
    int Count { get; }

    /// <summary>The example at a place.</summary>
    /// <param name="epoch">Number of the epoch, from 0.</param>
    /// <param name="place">The place, from 0.</param>
    int At(int epoch, int place);
}

/// <summary>
/// A shuffle that is computed place by place: a small Feistel network over the next power of four, walked until it lands among the examples.
/// It depends on seed and epoch alone.
/// </summary>
/// <param name="count">Number of examples.</param>
/// <param name="seed">Seed of the order.</param>
public sealed class ShuffledOrder(int count, int seed) : IExampleOrder
{
    private const int Rounds = 6;
    private readonly int halfBits = Math.Max(1, (int)Math.Ceiling(Math.Log2(Math.Max(2, count)) / 2));

    /// <inheritdoc />
    public int Count => count;

    /// <inheritdoc />
    public int At(int epoch, int place)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)place, (uint)count, nameof(place));
        var key = Mix(((ulong)(uint)seed << 32) | (uint)epoch);
        var at = (ulong)place;
        do
            at = Once(at, key);
        while (at >= (ulong)count);
        return (int)at;
    }

    /// <summary>Spreads the bits of a number over all of them. Source: SplitMix64.</summary>
    internal static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    private ulong Once(ulong value, ulong key)
    {
        var mask = (1UL << halfBits) - 1;
        var (left, right) = (value >> halfBits, value & mask);
        for (var round = 0; round < Rounds; round++)
            (left, right) = (right, left ^ (Mix(right ^ key ^ ((ulong)round << 56)) & mask));
        return (left << halfBits) | right;
    }
}

/// <summary>The examples as they stand.</summary>
/// <param name="count">Number of examples.</param>
public sealed class SequentialOrder(int count) : IExampleOrder
{
    /// <inheritdoc />
    public int Count => count;

    /// <inheritdoc />
    public int At(int epoch, int place) => place;
}

/// <summary>
/// Several datasets with weights. Every stretch of 1000 places holds each dataset by its share, as exactly as whole examples allow, in an
/// order that the seed decides. Each dataset is gone through in an order of its own and begins anew when it is used up, so a small one with a
/// large weight is seen more often. An epoch has as many places as there are examples.
/// </summary>
public sealed class MixedOrder : IExampleOrder
{
    private const int Stretch = 1000;
    private readonly int[] counts;
    private readonly int[] starts;
    private readonly double[] shares;
    private readonly int seed;
    private (long Number, int[] Examples) planned = (-1, []);

    /// <summary>A mixture.</summary>
    /// <param name="counts">Examples of every dataset, which lie behind one another.</param>
    /// <param name="weights">Weight of every dataset.</param>
    /// <param name="seed">Seed of the order.</param>
    public MixedOrder(IReadOnlyList<int> counts, IReadOnlyList<double> weights, int seed)
    {
        ArgumentNullException.ThrowIfNull(counts);
        ArgumentNullException.ThrowIfNull(weights);
        this.counts = [.. counts];
        this.seed = seed;
        starts = [.. counts.Select((_, i) => counts.Take(i).Sum())];
        var sum = weights.Sum();
        shares = [.. weights.Select(weight => weight / sum)];
        Count = counts.Sum();
    }

    /// <inheritdoc />
    public int Count { get; }

    /// <inheritdoc />
    public int At(int epoch, int place)
    {
        // Places are counted over all epochs, so that no dataset begins anew just because an epoch ends.
        var (number, within) = Math.DivRem(((long)epoch * Count) + place, Stretch);
        if (planned.Number != number)
            planned = (number, Plan(number));
        return planned.Examples[within];
    }

    private int[] Plan(long number)
    {
        var examples = new List<int>(Stretch);
        var (low, high) = (Taken(number), Taken(number + 1));
        for (var set = 0; set < counts.Length; set++)
        {
            for (var draw = low[set]; draw < high[set]; draw++)
            {
                var (pass, at) = Math.DivRem(draw, counts[set]);
                examples.Add(starts[set] + new ShuffledOrder(counts[set], unchecked(seed + (set * 7919))).At((int)pass, (int)at));
            }
        }

        var order = examples.ToArray();
        new Random(unchecked((int)ShuffledOrder.Mix(((ulong)(uint)seed << 32) ^ (ulong)number))).Shuffle(order);
        return order;
    }

    /// <summary>Examples of every dataset in the stretches before one: the whole part of each share, and what is left for the last.</summary>
    private long[] Taken(long stretches)
    {
        var places = stretches * Stretch;
        var taken = shares.Select(share => (long)Math.Floor(share * places)).ToArray();
        var last = taken.Length - 1;
        taken[last] = places - taken.Take(last).Sum();
        return taken;
    }
}
