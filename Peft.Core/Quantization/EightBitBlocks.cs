using static TorchSharp.torch;

namespace Peft.Core.Quantization;

/// <summary>
/// Eight-bit blockwise quantisation as bitsandbytes has it (https://arxiv.org/abs/2110.02861): each block is scaled by its largest magnitude,
/// each value becomes the index of the nearest of 256 codes, which lie densely near zero ("dynamic" map).
/// </summary>
internal sealed class EightBitBlocks
{
    /// <summary>What the reference stores for a shorter last block of zeros, where a full one has 0.</summary>
    public const float SmallestScale = 1e-38f;

    private readonly float[] thresholds;

    private EightBitBlocks(float[] map)
    {
        Map = map;
        thresholds = new float[map.Length - 1];
        for (var i = 0; i < thresholds.Length; i++)
            thresholds[i] = (map[i] + map[i + 1]) / 2;
    }

    /// <summary>Values of both signs.</summary>
    public static EightBitBlocks Signed { get; } = new(DynamicMap(signed: true));

    /// <summary>Values that are never negative: twice as fine.</summary>
    public static EightBitBlocks Unsigned { get; } = new(DynamicMap(signed: false));

    /// <summary>The 256 codes, rising.</summary>
    public IReadOnlyList<float> Map { get; }

    /// <summary>The blocks of a map stored in a file.</summary>
    public static EightBitBlocks Of(float[] map) => map.AsSpan().SequenceEqual(((float[])Signed.Map).AsSpan()) ? Signed : new EightBitBlocks(map);

    /// <summary>Index of the nearest code.</summary>
    public byte Nearest(float value)
    {
        var (low, high) = (0, thresholds.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (value > thresholds[middle])
                low = middle + 1;
            else
                high = middle;
        }

        return (byte)low;
    }

    /// <summary>Quantises values in blocks.</summary>
    /// <param name="values">The values.</param>
    /// <param name="blockSize">Values per block; the last may be shorter.</param>
    /// <param name="indices">Takes an index per value.</param>
    /// <param name="absmax">Takes the largest magnitude of each block.</param>
    public void Quantize(ReadOnlySpan<float> values, int blockSize, Span<byte> indices, Span<float> absmax)
    {
        for (var block = 0; block * blockSize < values.Length; block++)
        {
            var start = block * blockSize;
            var length = Math.Min(blockSize, values.Length - start);
            var largest = 0f;
            foreach (var value in values.Slice(start, length))
                largest = Math.Max(largest, Math.Abs(value));
            absmax[block] = largest == 0 && length < blockSize ? SmallestScale : largest;
            var reciprocal = largest > 0 ? 1 / largest : 0;
            for (var i = start; i < start + length; i++)
                indices[i] = Nearest(values[i] * reciprocal);
        }
    }

    /// <summary>The inverse of <see cref="Quantize"/>.</summary>
    public void Dequantize(ReadOnlySpan<byte> indices, int blockSize, ReadOnlySpan<float> absmax, Span<float> values)
    {
        for (var i = 0; i < indices.Length; i++)
            values[i] = Map[indices[i]] * absmax[i / blockSize];
    }

    /// <summary>
    /// Seven decades, the i-th (from the smallest) cut into 2^i parts whose middles are the codes (twice as many without a sign), and 0 and 1.
    /// Computed in float32 throughout: in float64 a quarter of the codes would differ by a unit in the last place.
    /// </summary>
    private static float[] DynamicMap(bool signed)
    {
        var codes = new List<float> { 0, 1 };
        for (var decade = 0; decade < 7; decade++)
        {
            using var borders = linspace(0.1, 1, (1 << (signed ? decade : decade + 1)) + 1, ScalarType.Float32);
            var values = borders.data<float>().ToArray();
            var scale = (float)Math.Pow(10, decade - 6);
            for (var i = 0; i + 1 < values.Length; i++)
            {
                var code = scale * ((values[i] + values[i + 1]) / 2);
                codes.Add(code);
                if (signed)
                    codes.Add(-code);
            }
        }

        codes.Sort();
        return [.. codes];
    }
}
