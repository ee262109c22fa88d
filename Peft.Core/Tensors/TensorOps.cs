using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tensors;

/// <summary>Tensor operations with the checks that the tensor library leaves out on some paths.</summary>
public static class TensorOps
{
    /// <summary>
    /// Matrix product of two 2-D tensors [M, K] x [K, N] → [M, N]. A wrong shape raises an <see cref="ArgumentException"/>, where the
    /// library's own <c>matmul</c> would end the process.
    /// </summary>
    public static Tensor MatMul(Tensor left, Tensor right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (left.dim() != 2 || right.dim() != 2 || left.shape[1] != right.shape[0])
        {
            throw new ArgumentException(
                $"Cannot multiply [{string.Join(", ", left.shape)}] by [{string.Join(", ", right.shape)}]: both must be matrices and the inner sizes equal.");
        }

        return left.mm(right);
    }

    /// <summary>True when shapes, types and every element (NaN equal to NaN in bits) agree.</summary>
    public static bool AllEqual(Tensor left, Tensor right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (left.dtype != right.dtype || !left.shape.AsSpan().SequenceEqual(right.shape))
            return false;
        using var a = Contiguous(left);
        using var b = Contiguous(right);
        return a.bytes.SequenceEqual(b.bytes);
    }

    /// <summary>A contiguous copy on the CPU, or a new handle to the same data if it is one already. The caller disposes it.</summary>
    public static Tensor Contiguous(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        using var detached = tensor.detach();
        using var cpu = detached.cpu();
        return cpu.contiguous();
    }

    /// <summary>An int64 tensor [rows, columns] from rows of equal length.</summary>
    public static Tensor FromRows(IReadOnlyList<IReadOnlyList<int>> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var width = rows.Count == 0 ? 0 : rows[0].Count;
        var flat = new long[rows.Count * width];
        for (var r = 0; r < rows.Count; r++)
        {
            if (rows[r].Count != width)
                throw new ArgumentException($"Row {r} has {rows[r].Count} columns, row 0 has {width}.", nameof(rows));
            for (var c = 0; c < width; c++)
                flat[(r * width) + c] = rows[r][c];
        }

        return tensor(flat, rows.Count, width);
    }
}
