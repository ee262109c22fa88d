using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Peft.Core.Quantization;

/// <summary>Where the scale of each block stands: as float32, or as an 8-bit index into a map that is scaled per block of scales and shifted.</summary>
internal readonly unsafe struct BlockScales
{
    private readonly float* plain;
    private readonly byte* indices;
    private readonly float* map;
    private readonly float* outer;
    private readonly float offset;
    private readonly int outerBlock;

    public BlockScales(float* plain) => this.plain = plain;

    public BlockScales(byte* indices, float* map, float* outer, float offset, int outerBlock)
    {
        this.indices = indices;
        this.map = map;
        this.outer = outer;
        this.offset = offset;
        this.outerBlock = outerBlock;
    }

    public float this[long block] => plain != null ? plain[block] : (map[indices[block]] * outer[block / outerBlock]) + offset;
}

/// <summary>How products of code and scale are rounded before they are used: to the type that the weight had.</summary>
internal enum WeightRounding
{
    None,
    BFloat16,
    Float16,
}

/// <summary>
/// Expands packed 4-bit numbers on the CPU. All products of a block come from a table of sixteen, which fits a vector register: one lookup
/// instruction gives sixteen float32 or thirty-two bfloat16 weights. The first of two numbers lies in the high half of its byte.
/// </summary>
internal static unsafe class FourBitKernel
{
    /// <summary>Expands blocks [first, last) to float32.</summary>
    public static void ToFloat32(byte* packed, float* target, float* code, BlockScales scales, WeightRounding rounding, int blockSize, long count, long first, long last)
    {
        var table = stackalloc float[16];
        for (var block = first; block < last; block++)
        {
            var start = block * blockSize;
            var length = Math.Min(blockSize, count - start);
            Table(code, scales[block], rounding, table);
            var source = packed + (start / 2);
            var goal = target + start;
            var i = 0L;
            if (Avx512F.IsSupported)
            {
                var values = Vector512.Load(table);
                for (; i + 16 <= length; i += 16)
                {
                    // A byte widened to 64 bits holds two lanes: the high half in front, the low half behind.
                    var bytes = Avx512F.ConvertToVector512UInt64(Vector128.CreateScalar(*(ulong*)(source + (i / 2))).AsByte());
                    var index = (bytes >>> 4) | ((bytes & Vector512.Create(15UL)) << 32);
                    Avx512F.PermuteVar16x32(values, index.AsInt32()).Store(goal + i);
                }
            }
            else if (Avx2.IsSupported)
            {
                var (low, high) = (Vector256.Load(table), Vector256.Load(table + 8));
                for (; i + 8 <= length; i += 8)
                {
                    var bytes = Avx2.ConvertToVector256Int64(Vector128.CreateScalar(*(uint*)(source + (i / 2))).AsByte()).AsUInt64();
                    var index = ((bytes >>> 4) | ((bytes & Vector256.Create(15UL)) << 32)).AsInt32();
                    var upper = Vector256.GreaterThan(index, Vector256.Create(7)).AsSingle();
                    Vector256.ConditionalSelect(upper, Avx2.PermuteVar8x32(high, index), Avx2.PermuteVar8x32(low, index)).Store(goal + i);
                }
            }

            for (; i < length; i++)
                goal[i] = table[Pattern(source, i)];
        }
    }

    /// <summary>Expands blocks [first, last) to bfloat16.</summary>
    public static void ToBFloat16(byte* packed, ushort* target, float* code, BlockScales scales, WeightRounding rounding, int blockSize, long count, long first, long last)
    {
        var table = stackalloc float[16];
        var narrow = stackalloc ushort[32];
        for (var block = first; block < last; block++)
        {
            var start = block * blockSize;
            var length = Math.Min(blockSize, count - start);
            Table(code, scales[block], rounding, table);
            var rounded = Round(Vector512.Load(table)) >>> 16;
            Vector512.Narrow(rounded, rounded).Store(narrow);
            var source = packed + (start / 2);
            var goal = target + start;
            var i = 0L;
            if (Avx512BW.IsSupported)
            {
                var values = Vector512.Load(narrow);
                for (; i + 32 <= length; i += 32)
                {
                    var bytes = Avx512F.ConvertToVector512UInt32(Vector128.Load(source + (i / 2)));
                    var index = (bytes >>> 4) | ((bytes & Vector512.Create(15U)) << 16);
                    Avx512BW.PermuteVar32x16(values, index.AsUInt16()).Store(goal + i);
                }
            }

            for (; i < length; i++)
                goal[i] = narrow[Pattern(source, i)];
        }
    }

    private static int Pattern(byte* source, long i) => (i & 1) == 0 ? source[i / 2] >> 4 : source[i / 2] & 15;

    private static void Table(float* code, float scale, WeightRounding rounding, float* table)
    {
        var products = Vector512.Load(code) * scale;
        if (rounding == WeightRounding.BFloat16)
            products = Round(products).AsSingle();
        products.Store(table);
        for (var k = 0; rounding == WeightRounding.Float16 && k < 16; k++)
            table[k] = (float)(Half)table[k];
    }

    /// <summary>To the nearest bfloat16, ties to even, as bits of a float32.</summary>
    private static Vector512<uint> Round(Vector512<float> values)
    {
        var bits = values.AsUInt32();
        return (bits + Vector512.Create(0x7FFFU) + ((bits >>> 16) & Vector512<uint>.One)) & Vector512.Create(0xFFFF0000U);
    }
}
