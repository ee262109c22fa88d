using System.Buffers.Binary;

namespace Peft.Core.Serialization.Gguf;

/// <summary>
/// Blocks of 256 numbers: groups of 16 or 32 have small whole-number scales (and lowest values) of their own, under half-precision ones for
/// the block. https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c
/// </summary>
internal static class GgufSuperBlocks
{
    private const int Size = 256;

    public static void Q2(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[84..], values = values[Size..])
        {
            var scales = blocks[..16];
            var quants = blocks[16..80];
            var (scale, lowest) = (GgufBlocks.Half(blocks[80..]), GgufBlocks.Half(blocks[82..]));
            for (var i = 0; i < Size; i++)
            {
                var group = scales[i / 16];
                values[i] = (scale * (group & 0xF) * Bits(quants, i)) - (lowest * (group >> 4));
            }
        }
    }

    public static void Q3(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[110..], values = values[Size..])
        {
            var high = blocks[..32];
            var quants = blocks[32..96];
            var packed = blocks[96..108];
            var scale = GgufBlocks.Half(blocks[108..]);
            for (var i = 0; i < Size; i++)
            {
                // Six bits a group: four in the first eight bytes, two in the last four.
                var group = i / 16;
                var low = (packed[group % 8] >> (4 * (group / 8))) & 0xF;
                var six = low | (((packed[8 + (group % 4)] >> (2 * (group / 4))) & 3) << 4);
                var fourth = (high[i % 32] >> (i / 32)) & 1;
                values[i] = scale * (six - 32) * (Bits(quants, i) - (fourth == 0 ? 4 : 0));
            }
        }
    }

    public static void Q4(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[144..], values = values[Size..])
        {
            var (scale, lowest) = (GgufBlocks.Half(blocks), GgufBlocks.Half(blocks[2..]));
            var packed = blocks[4..16];
            var quants = blocks[16..144];
            for (var group = 0; group < 8; group++)
            {
                var (small, offset) = Pair(packed, group);
                var (by, from) = (scale * small, lowest * offset);
                for (var l = 0; l < 32; l++)
                    values[(group * 32) + l] = (by * Nibble(quants, group, l)) - from;
            }
        }
    }

    public static void Q5(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[176..], values = values[Size..])
        {
            var (scale, lowest) = (GgufBlocks.Half(blocks), GgufBlocks.Half(blocks[2..]));
            var packed = blocks[4..16];
            var high = blocks[16..48];
            var quants = blocks[48..176];
            for (var group = 0; group < 8; group++)
            {
                var (small, offset) = Pair(packed, group);
                var (by, from) = (scale * small, lowest * offset);
                for (var l = 0; l < 32; l++)
                    values[(group * 32) + l] = (by * (Nibble(quants, group, l) | (((high[l] >> group) & 1) << 4))) - from;
            }
        }
    }

    public static void Q6(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[210..], values = values[Size..])
        {
            var low = blocks[..128];
            var high = blocks[128..192];
            var scales = blocks[192..208];
            var scale = GgufBlocks.Half(blocks[208..]);
            for (var i = 0; i < Size; i++)
            {
                // Half a block at a time: 64 bytes hold the lower bits of numbers l and l + 64, 32 bytes the upper two of l, l + 32, l + 64, l + 96.
                var (half, within) = (i / 128, i % 128);
                var four = (low[(half * 64) + (within % 64)] >> (4 * (within / 64))) & 0xF;
                var two = (high[(half * 32) + (within % 32)] >> (2 * (within / 32))) & 3;
                values[i] = scale * (sbyte)scales[i / 16] * ((four | (two << 4)) - 32);
            }
        }
    }

    public static void Iq4(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        for (; values.Length > 0; blocks = blocks[136..], values = values[Size..])
        {
            var (scale, upper) = (GgufBlocks.Half(blocks), BinaryPrimitives.ReadUInt16LittleEndian(blocks[2..]));
            var lower = blocks[4..8];
            var quants = blocks[8..136];
            for (var group = 0; group < 8; group++)
            {
                var six = ((lower[group / 2] >> (4 * (group % 2))) & 0xF) | (((upper >> (2 * group)) & 3) << 4);
                var by = scale * (six - 32);
                for (var j = 0; j < 16; j++)
                {
                    values[(group * 32) + j] = by * GgufBlocks.NonLinear[quants[(group * 16) + j] & 0xF];
                    values[(group * 32) + j + 16] = by * GgufBlocks.NonLinear[quants[(group * 16) + j] >> 4];
                }
            }
        }
    }

    /// <summary>Two bits of number i: 32 bytes for 128 numbers, number l + 32 n in bits 2n of byte l.</summary>
    private static int Bits(ReadOnlySpan<byte> quants, int i) => (quants[(i / 128 * 32) + (i % 32)] >> (2 * (i % 128 / 32))) & 3;

    /// <summary>Four bits of number l of a group: 32 bytes hold two groups, the first in the lower halves.</summary>
    private static int Nibble(ReadOnlySpan<byte> quants, int group, int l) => (quants[(group / 2 * 32) + l] >> (4 * (group % 2))) & 0xF;

    /// <summary>Scale and lowest value of a group, six bits each: the first four groups' stand plainly, the others' are spread.</summary>
    private static (int Scale, int Lowest) Pair(ReadOnlySpan<byte> packed, int group) => group < 4
        ? (packed[group] & 63, packed[group + 4] & 63)
        : ((packed[group + 4] & 0xF) | (packed[group - 4] >> 6 << 4), (packed[group + 4] >> 4) | (packed[group] >> 6 << 4));
}
