using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// ALiBi: each head adds to a score the key's position times a slope of its own, so that what is near counts more; nothing else says where
/// a token stands. https://arxiv.org/abs/2108.12409
/// </summary>
internal static class Alibi
{
    /// <summary>
    /// Slopes [H] as the paper's code has them: a geometric row for the next lower power of two, and for the heads beyond it every second
    /// one of the row for twice as many (BLOOM, Falcon, Baichuan).
    /// </summary>
    public static float[] Slopes(int heads)
    {
        var power = 1 << (int)Math.Floor(Math.Log2(heads));
        var slopes = Row(power).ToList();
        if (power < heads)
            slopes.AddRange(Row(2 * power).Where((_, i) => i % 2 == 0).Take(heads - power));
        return [.. slopes];
    }

    /// <summary>Slopes [H] as MPT has them: from the row of the next higher power of two, first the odd ones.</summary>
    public static float[] InterleavedSlopes(int heads, double largest)
    {
        var power = 1 << (int)Math.Ceiling(Math.Log2(heads));
        var row = Enumerable.Range(1, power).Select(i => 1 / MathF.Pow(2, (float)(i * (largest / power)))).ToArray();
        return power == heads ? row : [.. row.Where((_, i) => i % 2 == 1).Concat(row.Where((_, i) => i % 2 == 0)).Take(heads)];
    }

    /// <summary>
    /// Scores [B, H, 1, S]: slope times the number of real tokens before the key; pads count nothing (BLOOM, Falcon).
    /// </summary>
    public static Tensor ByMask(float[] slopes, DecoderCall call, Device device)
    {
        using var scope = NewDisposeScope();
        var real = ones([call.Batch, call.Keys], ScalarType.Int64, device);
        if (call.Padding is { } padding)
        {
            var tokens = padding.ne(0).to(ScalarType.Int64).to(device);
            real = call.VirtualTokens > 0 ? cat([ones([call.Batch, call.VirtualTokens], ScalarType.Int64, device), tokens], 1) : tokens;
        }

        var counted = (real.cumsum(-1) - 1) * real; // [B, S]
        return (tensor(slopes, device: device).view(1, -1, 1, 1) * counted.to(ScalarType.Float32).view(call.Batch, 1, 1, -1)).MoveToOuterDisposeScope();
    }

    /// <summary>Scores [1, H, 1, S]: slope times the key's distance to the last key, as a negative number (MPT, Baichuan).</summary>
    public static Tensor ByDistance(float[] slopes, DecoderCall call, Device device)
    {
        using var scope = NewDisposeScope();
        var distance = arange(1 - call.Keys, 1, ScalarType.Float32, device).view(1, 1, 1, -1);
        return (tensor(slopes, device: device).view(1, -1, 1, 1) * distance).MoveToOuterDisposeScope();
    }

    private static IEnumerable<float> Row(int heads)
    {
        // fp32 at every step, as the reference computes it.
        var first = (float)Math.Pow(2, -Math.Pow(2, -(Math.Log2(heads) - 3)));
        return Enumerable.Range(1, heads).Select(i => MathF.Pow(first, i));
    }
}
