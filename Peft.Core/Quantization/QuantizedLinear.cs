using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

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
public sealed class QuantizedWeight(QuantizedTensor tensor, ScalarType compute, DequantizationBuffer buffer) : IDisposable
{
    /// <summary>The matrix.</summary>
    public QuantizedTensor Tensor => tensor;

    /// <summary>Element type of the products.</summary>
    public ScalarType Compute => compute;

    /// <summary>x·Wᵀ + b [N, out] in the type of x [N, in].</summary>
    public Tensor Linear(Tensor input, Tensor? bias)
    {
        var x = input.to(compute);
        var output = QuantizedProduct.Of(x, this);
        return (bias is null ? output : output + bias.to(compute)).to(input.dtype);
    }

    /// <summary>The matrix [out, in] in the shared memory: valid until the next layer asks.</summary>
    internal Tensor Expand() => tensor.Dequantize(compute, buffer.Rent(compute, tensor.State.Shape[0] * tensor.State.Shape[1]));

    /// <inheritdoc />
    public void Dispose() => tensor.Dispose();
}

/// <summary>
/// x·Wᵀ with a 4-bit W that is expanded for the product, and once more for the gradient, which goes to x alone.
/// </summary>
internal sealed class QuantizedProduct : autograd.SingleTensorFunction<QuantizedProduct>
{
    private const string Weight = "weight";

    private static Exception? s_failure;

    public override string Name => nameof(QuantizedProduct);

    /// <summary>The product; without a gradient to be had the machinery is left out.</summary>
    public static Tensor Of(Tensor input, QuantizedWeight weight)
    {
        if (Interlocked.Exchange(ref s_failure, null) is { } failure)
            throw new PeftException($"The gradient through a 4-bit layer could not be computed: {failure.Message}", failure);
        return input.requires_grad && is_grad_enabled() ? apply(input, weight) : Product(input, weight);
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var weight = (QuantizedWeight)vars[1];
        ctx.save_data(Weight, weight);
        return Product((Tensor)vars[0], weight);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        // An exception here would pass through native code and end the process: it is kept and raised by the next forward.
        try
        {
            var weight = (QuantizedWeight)ctx.get_data(Weight);
            using var expanded = weight.Expand();
            return [grad_output.mm(expanded), null!];
        }
#pragma warning disable CA1031 // whatever it is, it must not leave
        catch (Exception error)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref s_failure, error, null);
            return [null!, null!];
        }
    }

    private static Tensor Product(Tensor input, QuantizedWeight weight)
    {
        using var expanded = weight.Expand();
        return F.linear(input, expanded);
    }
}
