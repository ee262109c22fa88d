using System.Buffers.Binary;

namespace Peft.Core.Serialization.Gguf;

/// <summary>
/// Blocks of 32 numbers: a half-precision scale (and a lowest value, in the offset forms), then 4, 5 or 8 bits a number. In the 4-bit parts
/// byte j holds number j in its lower half and number j + 16 in its upper.
/// https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c
/// </summary>
internal static class GgufBlocks
{
    private const int Size = 32;

    /// <summary>The 16 values of the non-linear 4-bit types.</summary>
    public static ReadOnlySpan<sbyte> NonLinear => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    public static void Q4Symmetric(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[18..], values = values[Size..])
        {
            var scale = Half(blocks);
            for (var j = 0; j < 16; j++)
            {
                values[j] = scale * ((blocks[2 + j] & 0xF) - 8);
                values[j + 16] = scale * ((blocks[2 + j] >> 4) - 8);
            }
        }
    }

    public static void Q4Offset(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[20..], values = values[Size..])
        {
            var (scale, lowest) = (Half(blocks), Half(blocks[2..]));
            for (var j = 0; j < 16; j++)
            {
                values[j] = (scale * (blocks[4 + j] & 0xF)) + lowest;
                values[j + 16] = (scale * (blocks[4 + j] >> 4)) + lowest;
            }
        }
    }

    public static void Q5Symmetric(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[22..], values = values[Size..])
        {
            var (scale, high) = (Half(blocks), BinaryPrimitives.ReadUInt32LittleEndian(blocks[2..]));
            for (var j = 0; j < 16; j++)
            {
                values[j] = scale * (Five(blocks[6 + j] & 0xF, high, j) - 16);
                values[j + 16] = scale * (Five(blocks[6 + j] >> 4, high, j + 16) - 16);
            }
        }
    }

    public static void Q5Offset(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[24..], values = values[Size..])
        {
            var (scale, lowest, high) = (Half(blocks), Half(blocks[2..]), BinaryPrimitives.ReadUInt32LittleEndian(blocks[4..]));
            for (var j = 0; j < 16; j++)
            {
                values[j] = (scale * Five(blocks[8 + j] & 0xF, high, j)) + lowest;
                values[j + 16] = (scale * Five(blocks[8 + j] >> 4, high, j + 16)) + lowest;
            }
        }
    }

    public static void Q8(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[34..], values = values[Size..])
        {
            var scale = Half(blocks);
            for (var j = 0; j < Size; j++)
                values[j] = scale * (sbyte)blocks[2 + j];
        }
    }

    public static void Iq4(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[18..], values = values[Size..])
        {
            var scale = Half(blocks);
            for (var j = 0; j < 16; j++)
            {
                values[j] = scale * NonLinear[blocks[2 + j] & 0xF];
                values[j + 16] = scale * NonLinear[blocks[2 + j] >> 4];
            }
        }
    }

    public static float Half(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);

    /// <summary>The fifth bit of number <paramref name="index"/> stands in <paramref name="high"/>.</summary>
    private static int Five(int low, uint high, int index) => low | (int)(((high >> index) & 1) << 4);
}
