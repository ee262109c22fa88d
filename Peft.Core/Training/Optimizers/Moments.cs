using System.Runtime.InteropServices;
using Peft.Core.Quantization;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>Both moments of one tensor.</summary>
internal abstract class Moments : IDisposable
{
    /// <summary>The tensors that hold them, with the kind that goes in front of the parameter's name.</summary>
    public abstract IReadOnlyList<(string Kind, Tensor Tensor)> Tensors { get; }

    /// <summary>Empty moments as the options ask for.</summary>
    public static Moments For(Tensor parameter, AdamWOptions options, PagedMemory? paged) =>
        options.StateBits == 8 && parameter.numel() >= AdamWOptions.Smallest8Bit ? new EightBitMoments(parameter, paged) : new PlainMoments(parameter, paged);

    /// <summary>One update on the CPU; clears the gradient.</summary>
    public abstract void Update(Span<float> weights, Span<float> gradients, AdamWFactors factors, float decay);

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var (_, tensor) in Tensors)
            tensor.Dispose();
    }

    protected static Tensor Zeros(long[] shape, ScalarType dtype, Device device, PagedMemory? paged) =>
        paged?.Zeros(shape, dtype) ?? zeros(shape, dtype, device).DetachFromDisposeScope();
}

/// <summary>Moments in float32.</summary>
internal sealed class PlainMoments : Moments
{
    public PlainMoments(Tensor parameter, PagedMemory? paged)
    {
        Mean = Zeros(parameter.shape, parameter.dtype, parameter.device, paged);
        Square = Zeros(parameter.shape, parameter.dtype, parameter.device, paged);
        Tensors = [("exp_avg", Mean), ("exp_avg_sq", Square)];
    }

    public Tensor Mean { get; }

    public Tensor Square { get; }

    public override IReadOnlyList<(string Kind, Tensor Tensor)> Tensors { get; }

    public override void Update(Span<float> weights, Span<float> gradients, AdamWFactors factors, float decay) =>
        AdamWKernel.Update(weights, gradients, AdamWKernel.Values(Mean), AdamWKernel.Values(Square), factors, decay);
}

/// <summary>
/// Moments in 8 bits, block by block expanded, updated and quantised again: the mean with the map of both signs, the square with the finer
/// one without.
/// </summary>
internal sealed class EightBitMoments : Moments
{
    private const int Block = 256;

    private readonly Tensor mean;
    private readonly Tensor meanScale;
    private readonly Tensor square;
    private readonly Tensor squareScale;

    public EightBitMoments(Tensor parameter, PagedMemory? paged)
    {
        var blocks = (parameter.numel() + Block - 1) / Block;
        mean = Zeros(parameter.shape, ScalarType.Byte, CPU, paged);
        mean.fill_((int)EightBitBlocks.Signed.Nearest(0));
        square = Zeros(parameter.shape, ScalarType.Byte, CPU, paged);
        meanScale = zeros([blocks], ScalarType.Float32).DetachFromDisposeScope();
        squareScale = zeros([blocks], ScalarType.Float32).DetachFromDisposeScope();
        Tensors = [("state1", mean), ("absmax1", meanScale), ("state2", square), ("absmax2", squareScale)];
    }

    public override IReadOnlyList<(string Kind, Tensor Tensor)> Tensors { get; }

    public override void Update(Span<float> weights, Span<float> gradients, AdamWFactors factors, float decay)
    {
        Span<float> means = stackalloc float[Block];
        Span<float> squares = stackalloc float[Block];
        var m = Values<byte>(mean);
        var v = Values<byte>(square);
        var mScale = Values<float>(meanScale);
        var vScale = Values<float>(squareScale);
        for (var start = 0; start < weights.Length; start += Block)
        {
            var length = Math.Min(Block, weights.Length - start);
            var first = means[..length];
            var second = squares[..length];
            var at = start / Block;
            EightBitBlocks.Signed.Dequantize(m.Slice(start, length), Block, mScale.Slice(at, 1), first);
            EightBitBlocks.Unsigned.Dequantize(v.Slice(start, length), Block, vScale.Slice(at, 1), second);
            AdamWKernel.Update(weights.Slice(start, length), gradients.Slice(start, length), first, second, factors, decay);
            EightBitBlocks.Signed.Quantize(first, Block, m.Slice(start, length), mScale.Slice(at, 1));
            EightBitBlocks.Unsigned.Quantize(second, Block, v.Slice(start, length), vScale.Slice(at, 1));
        }
    }

    private static Span<T> Values<T>(Tensor tensor)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(tensor.bytes);
}
