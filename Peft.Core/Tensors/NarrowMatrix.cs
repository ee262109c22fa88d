using static TorchSharp.torch;

namespace Peft.Core.Tensors;

/// <summary>
/// A frozen matrix kept in fewer bits than it computes in (bfloat16 under a model of float32): rows are widened when they are needed, so
/// that no wide copy of a large table exists. Widening is exact.
/// </summary>
/// <param name="stored">The matrix [rows, width] as it is kept; may be a view of the mapped file.</param>
/// <param name="wide">Element type that it computes in.</param>
internal sealed class NarrowMatrix(Tensor stored, ScalarType wide) : IStoredMatrix
{
    private const long ElementsAtATime = 4 << 20;

    /// <summary>The matrix as it is kept.</summary>
    public Tensor Stored => stored;

    /// <inheritdoc />
    long IStoredMatrix.Rows => stored.shape[0];

    /// <inheritdoc />
    public long RowsAtATime { get; } = Math.Max(1, ElementsAtATime / stored.shape[1]);

    /// <summary>The rows of these numbers [N], wide: [N, width].</summary>
    public Tensor Rows(Tensor numbers)
    {
        using var rows = stored.index_select(0, numbers);
        return rows.to(wide);
    }

    /// <inheritdoc />
    public Tensor Expand(long start, long count)
    {
        using var rows = stored.narrow(0, start, count);
        return rows.to(wide);
    }
}
