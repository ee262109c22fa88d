using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// T5's position bias: distances fall into buckets (near ones apart, far ones in logarithmic steps), and each bucket has a learned score
/// per head. https://arxiv.org/abs/1910.10683
/// </summary>
internal sealed class RelativeDistanceBias(EmbeddingSite table, int buckets, int maxDistance, bool bothSides)
{
    /// <summary>Scores [1, H, T, S] of queries at past … past + T − 1 for keys at 0 … S − 1.</summary>
    public Tensor Bias(long queries, long past, long keys, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var indices = new long[queries * keys];
        for (var q = 0L; q < queries; q++)
        {
            for (var k = 0L; k < keys; k++)
                indices[(q * keys) + k] = Bucket(k - (past + q), buckets, maxDistance, bothSides);
        }

        var scores = table.Forward(tensor(indices, device: table.Weight.device)).view(queries, keys, -1); // [T, S, H]
        return scores.permute(2, 0, 1).unsqueeze(0).to(dtype).MoveToOuterDisposeScope();
    }

    /// <summary>The bucket of a distance, key minus query.</summary>
    public static long Bucket(long distance, int buckets, int maxDistance, bool bothSides)
    {
        var (count, first) = (buckets, 0L);
        if (bothSides)
        {
            count /= 2;
            first = distance > 0 ? count : 0;
            distance = Math.Abs(distance);
        }
        else
        {
            distance = Math.Max(0, -distance);
        }

        var exact = count / 2;
        if (distance < exact)
            return first + distance;

        // fp32 at every step, as the reference computes it.
        var steps = MathF.Log((float)distance / exact) / (float)Math.Log((double)maxDistance / exact) * (count - exact);
        return first + Math.Min(exact + (long)steps, count - 1);
    }
}
