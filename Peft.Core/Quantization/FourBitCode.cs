using System.Numerics;
using System.Runtime.InteropServices;

namespace Peft.Core.Quantization;

/// <summary>
/// The sixteen values of a 4-bit number type and how a value finds its nearest one. NF4: quantiles of a normal distribution
/// (https://arxiv.org/abs/2305.14314); FP4: sign, two bits of exponent, one of mantissa. Both are scaled to [-1, 1], as bitsandbytes has them.
/// </summary>
internal sealed class FourBitCode
{
    private readonly float[] thresholds;
    private readonly byte[] codes;

    private FourBitCode(string name, float[] values, int[] ordered)
    {
        Name = name;
        Values = values;
        codes = [.. ordered.Select(i => (byte)i)];
        thresholds = new float[ordered.Length - 1];
        for (var i = 0; i < thresholds.Length; i++)
            thresholds[i] = (values[ordered[i]] + values[ordered[i + 1]]) / 2;
    }

    /// <summary><c>nf4</c>.</summary>
    public static FourBitCode Nf4 { get; } = new(
        "nf4",
        [
            -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
            0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
        ],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

    /// <summary><c>fp4</c>. Of its two zeros the reference takes 8 for what lies above 0 and 0 for the rest.</summary>
    public static FourBitCode Fp4 { get; } = new(
        "fp4",
        [
            0.0f, 0.005208333333f, 0.66666667f, 1.0f, 0.33333333f, 0.5f, 0.16666667f, 0.25f,
            -0.0f, -0.005208333333f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f,
        ],
        [11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3]);

    /// <summary>The names, for messages.</summary>
    public static IReadOnlyList<string> Names { get; } = ["nf4", "fp4"];

    /// <summary>Pattern of 0, which fills the half of the last byte that an odd count leaves.</summary>
    public byte Zero => codes[thresholds.Count(t => t < 0)];

    /// <summary>Name in configs.</summary>
    public string Name { get; }

    /// <summary>Value of each bit pattern.</summary>
    public IReadOnlyList<float> Values { get; }

    /// <summary>The type of a name.</summary>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static FourBitCode Find(string name) => name switch
    {
        "nf4" => Nf4,
        "fp4" => Fp4,
        _ => throw new PeftException($"bnb_4bit_quant_type: '{name}' is not known; use nf4 or fp4."),
    };

    /// <summary>
    /// Scales the values of one block by its largest magnitude and replaces each by the pattern of the nearest code.
    /// </summary>
    /// <param name="values">The block.</param>
    /// <param name="blockSize">Size of a full block: bitsandbytes multiplies full ones by the reciprocal and divides a shorter last one.</param>
    /// <param name="patterns">Takes a pattern per value.</param>
    /// <returns>The largest magnitude.</returns>
    public float Quantize(ReadOnlySpan<float> values, int blockSize, Span<byte> patterns)
    {
        var absmax = Absmax(values);
        var full = values.Length == blockSize;
        var reciprocal = absmax > 0 ? 1 / absmax : 0;
        var lanes = MemoryMarshal.Cast<float, Vector<float>>(values);
        Span<int> lane = stackalloc int[Vector<int>.Count];
        for (var i = 0; i < lanes.Length; i++)
        {
            var scaled = full || absmax == 0 ? lanes[i] * reciprocal : lanes[i] / new Vector<float>(absmax);
            var above = Vector<int>.Zero;
            foreach (var threshold in thresholds)
                above -= Vector.GreaterThan(scaled, new Vector<float>(threshold));
            above.CopyTo(lane);
            for (var j = 0; j < lane.Length; j++)
                patterns[(i * lane.Length) + j] = codes[lane[j]];
        }

        for (var i = lanes.Length * Vector<float>.Count; i < values.Length; i++)
        {
            var scaled = full || absmax == 0 ? values[i] * reciprocal : values[i] / absmax;
            var above = 0;
            foreach (var threshold in thresholds)
                above += scaled > threshold ? 1 : 0;
            patterns[i] = codes[above];
        }

        return absmax == 0 && !full ? EightBitBlocks.SmallestScale : absmax;
    }

    private static float Absmax(ReadOnlySpan<float> values)
    {
        var lanes = MemoryMarshal.Cast<float, Vector<float>>(values);
        var largest = Vector<float>.Zero;
        foreach (var lane in lanes)
            largest = Vector.Max(largest, Vector.Abs(lane));
        var result = 0f;
        for (var i = 0; i < Vector<float>.Count; i++)
            result = Math.Max(result, largest[i]);
        for (var i = lanes.Length * Vector<float>.Count; i < values.Length; i++)
            result = Math.Max(result, Math.Abs(values[i]));
        return result;
    }
}
