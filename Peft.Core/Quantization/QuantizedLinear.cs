using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Quantization;

/// <summary>Memory for expanded weights, lent to one layer at a time: never more than one matrix of a model exists in full.</summary>
public sealed class DequantizationBuffer : IDisposable
{
    private readonly Dictionary<ScalarType, Tensor> memory = [];

    /// <summary>A flat tensor of at least so many elements.</summary>
    internal Tensor Rent(ScalarType dtype, long count)
    {
        if (memory.TryGetValue(dtype, out var tensor) && tensor.numel() >= count)
            return tensor;
        tensor?.Dispose();
        return memory[dtype] = empty([count], dtype).DetachFromDisposeScope();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var tensor in memory.Values)
            tensor.Dispose();
        memory.Clear();
    }
}

/// <summary>A 4-bit matrix as a layer uses it.</summary>
/// <param name="tensor">The matrix.</param>
/// <param name="compute">Element type of the products.</param>
/// <param name="buffer">Where it is expanded; shared by all layers of a model.</param>
public sealed class QuantizedWeight(QuantizedTensor tensor, ScalarType compute, DequantizationBuffer buffer) : IStoredMatrix, IDisposable
{
    /// <summary>The matrix.</summary>
    public QuantizedTensor Tensor => tensor;

    /// <summary>Element type of the products.</summary>
    public ScalarType Compute => compute;

    /// <inheritdoc />
    long IStoredMatrix.Rows => tensor.State.Shape[0];

    /// <inheritdoc />
    long IStoredMatrix.RowsAtATime => tensor.State.Shape[0];

    /// <summary>x·Wᵀ + b [N, out] in the type of x [N, in].</summary>
    public Tensor Linear(Tensor input, Tensor? bias)
    {
        // What is only needed here goes at once: kept until the layer ends it would lie between the tensors that the gradient needs.
        using var scope = NewDisposeScope();
        var output = FrozenProduct.Of(input.to(compute), this);
        return (bias is null ? output : output + bias.to(compute)).to(input.dtype).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    Tensor IStoredMatrix.Expand(long start, long count) => tensor.Dequantize(compute, buffer.Rent(compute, tensor.State.Shape[0] * tensor.State.Shape[1]));

    /// <inheritdoc />
    public void Dispose() => tensor.Dispose();
}
