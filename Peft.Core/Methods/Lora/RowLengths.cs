using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>
/// Lengths of the rows of a matrix, summed in eight lanes as the reference's are. The tensor library's own norm sums in as many lanes as the
/// machine has, and so differs in the last bit between machines; a start from a seed must not.
/// </summary>
internal static class RowLengths
{
    public static float[] Of(Tensor matrix)
    {
        using var plain = TensorOps.Contiguous(matrix);
        var values = MemoryMarshal.Cast<byte, float>(plain.bytes);
        var (rows, width) = ((int)matrix.shape[0], (int)matrix.shape[1]);
        var lengths = new float[rows];
        for (var r = 0; r < rows; r++)
            lengths[r] = Length(values.Slice(r * width, width));
        return lengths;
    }

    private static float Length(ReadOnlySpan<float> row)
    {
        var lanes = Vector256<float>.Zero;
        var i = 0;
        for (; i + Vector256<float>.Count <= row.Length; i += Vector256<float>.Count)
        {
            var values = Vector256.Create(row.Slice(i, Vector256<float>.Count));
            lanes += values * values;
        }

        var sum = lanes[0];
        for (var lane = 1; lane < Vector256<float>.Count; lane++)
            sum += lanes[lane];
        for (; i < row.Length; i++)
            sum += row[i] * row[i];
        return MathF.Sqrt(sum);
    }
}
