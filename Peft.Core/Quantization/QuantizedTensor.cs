using System.Runtime.InteropServices;
using Peft.Core.Runtime;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Quantization;

/// <summary>
/// A matrix in 4 bits a number: packed patterns, a scale per block (blocks run over the flattened matrix, across rows), and with double
/// quantisation the scales themselves in 8 bits. Layout and arithmetic are bitsandbytes', bit for bit.
/// </summary>
public sealed unsafe class QuantizedTensor : IDisposable
{
    private const int NestedBlockSize = 256;

    private readonly Tensor code;
    private readonly Tensor? nestedMap;

    private QuantizedTensor(Tensor packed, Tensor absmax, Tensor code, QuantizedState state, Tensor? nestedAbsmax, Tensor? nestedMap)
    {
        (Packed, Absmax, State, NestedAbsmax) = (packed, absmax, state, nestedAbsmax);
        (this.code, this.nestedMap) = (code, nestedMap);
    }

    /// <summary>Two numbers a byte, uint8 [(n + 1) / 2, 1]; the first of two lies in the high half.</summary>
    public Tensor Packed { get; }

    /// <summary>Scale of each block: float32, or uint8 with double quantisation.</summary>
    public Tensor Absmax { get; }

    /// <summary>Scale of each block of scales, float32; null without double quantisation.</summary>
    public Tensor? NestedAbsmax { get; }

    /// <summary>Type, block sizes, shape and the element type that the weight had.</summary>
    public QuantizedState State { get; }

    /// <summary>Memory that it takes, in bytes.</summary>
    public long Bytes => new[] { Packed, Absmax, code, NestedAbsmax, nestedMap }.Sum(t => t is null ? 0 : t.numel() * DTypes.Size(t.dtype));

    private long Count => State.Shape[0] * State.Shape[1];

    /// <summary>Quantises a matrix on the CPU.</summary>
    /// <param name="weight">Matrix [out, in] in float32, bfloat16 or float16.</param>
    /// <param name="quantType"><c>nf4</c> or <c>fp4</c>.</param>
    /// <param name="doubleQuant">Whether the scales are quantised too.</param>
    /// <param name="blockSize">Numbers that share a scale.</param>
    public static QuantizedTensor Quantize(Tensor weight, string quantType, bool doubleQuant, int blockSize = 64)
    {
        ArgumentNullException.ThrowIfNull(weight);
        var type = FourBitCode.Find(quantType);
        using var cpu = TensorOps.Contiguous(weight);
        var (count, dtype) = (cpu.numel(), cpu.dtype);
        var blocks = (count + blockSize - 1) / blockSize;
        var packed = zeros([(count + 1) / 2, 1], ScalarType.Byte).DetachFromDisposeScope();
        var absmax = empty([blocks], ScalarType.Float32).DetachFromDisposeScope();
        var source = Address<byte>(cpu);
        var target = Address<byte>(packed);
        var scales = Address<float>(absmax);
        Spread(blocks, 1024, (first, last) => QuantizeBlocks(type, source, dtype, target, scales, blockSize, count, first, last));
        if (count % 2 != 0)
            target[count / 2] |= type.Zero;
        var state = new QuantizedState { QuantType = type.Name, BlockSize = blockSize, DType = weight.dtype, Shape = weight.shape };
        var code = tensor([.. type.Values]).DetachFromDisposeScope();
        if (!doubleQuant)
            return new QuantizedTensor(packed, absmax, code, state, null, null);
        using (absmax)
        {
            var offset = absmax.mean().item<float>();
            using var shifted = absmax - offset;
            var indices = empty([blocks], ScalarType.Byte).DetachFromDisposeScope();
            var outer = empty([(blocks + NestedBlockSize - 1) / NestedBlockSize], ScalarType.Float32).DetachFromDisposeScope();
            EightBitBlocks.Signed.Quantize(Values<float>(shifted), NestedBlockSize, Values<byte>(indices), Values<float>(outer));
            var map = tensor([.. EightBitBlocks.Signed.Map]).DetachFromDisposeScope();
            return new QuantizedTensor(packed, indices, code, state with { NestedBlockSize = NestedBlockSize, NestedOffset = offset }, outer, map);
        }
    }

    /// <summary>Takes over the tensors of a checkpoint, which become its own.</summary>
    internal static QuantizedTensor From(Tensor packed, Tensor absmax, Tensor code, QuantizedState state, Tensor? nestedAbsmax, Tensor? nestedMap) =>
        new(packed, absmax, code, state, nestedAbsmax, nestedMap);

    /// <summary>The matrix [out, in] as the model uses it: code × scale, rounded to the type that the weight had, then to this one.</summary>
    /// <param name="dtype">float32 or bfloat16.</param>
    public Tensor Dequantize(ScalarType dtype) => Dequantize(dtype, null);

    /// <summary>As <see cref="Dequantize(ScalarType)"/>, on the CPU into memory that is lent.</summary>
    internal Tensor Dequantize(ScalarType dtype, Tensor? memory)
    {
        if (Packed.device_type != TorchSharp.DeviceType.CPU)
            return DequantizeByLookup(dtype);
        var result = memory is null ? empty([.. State.Shape], dtype) : memory.narrow(0, 0, Count).view([.. State.Shape]);
        var rounding = State.DType switch
        {
            ScalarType.BFloat16 => WeightRounding.BFloat16,
            ScalarType.Float16 => WeightRounding.Float16,
            _ => WeightRounding.None,
        };
        var (count, blockSize) = (Count, State.BlockSize);
        var packed = Address<byte>(Packed);
        var target = Address<byte>(result);
        var codes = Address<float>(code);
        var scales = Scales();
        Spread((count + blockSize - 1) / blockSize, 4096, (first, last) =>
        {
            if (dtype == ScalarType.BFloat16)
                FourBitKernel.ToBFloat16(packed, (ushort*)target, codes, scales, rounding, blockSize, count, first, last);
            else
                FourBitKernel.ToFloat32(packed, (float*)target, codes, scales, rounding, blockSize, count, first, last);
        });
        return result;
    }

    /// <summary>The same with operations of the tensor library, for other devices.</summary>
    internal Tensor DequantizeByLookup(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var patterns = stack([Packed.bitwise_right_shift(4), Packed.bitwise_and(15)], -1).view(-1).narrow(0, 0, Count);
        var products = code.index_select(0, patterns.to(ScalarType.Int32)) * BlockAbsmax().repeat_interleave(State.BlockSize).narrow(0, 0, Count);
        return products.to(State.DType).to(dtype).view([.. State.Shape]).MoveToOuterDisposeScope();
    }

    /// <summary>The scale of each block in float32.</summary>
    internal Tensor BlockAbsmax()
    {
        if (NestedAbsmax is null)
            return Absmax.alias();
        using var scope = NewDisposeScope();
        var outer = NestedAbsmax.repeat_interleave(State.NestedBlockSize!.Value).narrow(0, 0, Absmax.numel());
        return ((nestedMap!.index_select(0, Absmax.to(ScalarType.Int32)) * outer) + (float)State.NestedOffset!.Value).MoveToOuterDisposeScope();
    }

    /// <summary>Its tensors as bitsandbytes names them in a checkpoint; those that are views of this one's are not copied.</summary>
    /// <param name="name">Name of the weight, e.g. <c>model.layers.0.mlp.up_proj.weight</c>.</param>
    internal IEnumerable<NamedParameter> Named(string name)
    {
        yield return new NamedParameter(name, Packed);
        yield return new NamedParameter(name + ".absmax", Absmax);
        yield return new NamedParameter(name + ".quant_map", code);
        if (NestedAbsmax is not null)
        {
            yield return new NamedParameter(name + ".nested_absmax", NestedAbsmax);
            yield return new NamedParameter(name + ".nested_quant_map", nestedMap!);
        }

        yield return new NamedParameter($"{name}.{QuantizedState.Suffix}{State.QuantType}", State.ToTensor());
    }

    /// <summary>Moves it to a device.</summary>
    internal QuantizedTensor To(Device device)
    {
        if (device.type == TorchSharp.DeviceType.CPU)
            return this;
        Tensor Move(Tensor tensor) => tensor.to(device).DetachFromDisposeScope();
        var moved = new QuantizedTensor(
            Move(Packed), Move(Absmax), Move(code), State, NestedAbsmax is null ? null : Move(NestedAbsmax), nestedMap is null ? null : Move(nestedMap));
        Dispose();
        return moved;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Packed.Dispose();
        Absmax.Dispose();
        code.Dispose();
        NestedAbsmax?.Dispose();
        nestedMap?.Dispose();
    }

    private BlockScales Scales() => NestedAbsmax is null
        ? new BlockScales(Address<float>(Absmax))
        : new BlockScales(Address<byte>(Absmax), Address<float>(nestedMap!), Address<float>(NestedAbsmax), (float)State.NestedOffset!.Value, State.NestedBlockSize!.Value);

    private static void QuantizeBlocks(FourBitCode type, byte* source, ScalarType dtype, byte* target, float* scales, int blockSize, long count, long first, long last)
    {
        var (patterns, values) = (new byte[blockSize], new float[blockSize]);
        for (var block = first; block < last; block++)
        {
            var start = block * blockSize;
            var length = (int)Math.Min(blockSize, count - start);
            Widen(source, dtype, start, values.AsSpan(0, length));
            scales[block] = type.Quantize(values.AsSpan(0, length), blockSize, patterns);
            for (var i = 0; i < length; i++)
                target[(start + i) / 2] |= (byte)((i & 1) == 0 ? patterns[i] << 4 : patterns[i]);
        }
    }

    /// <summary>A stretch of numbers as float32, so that no wide copy of the matrix is made.</summary>
    private static void Widen(byte* source, ScalarType dtype, long start, Span<float> target)
    {
        switch (dtype)
        {
            case ScalarType.Float32:
                new ReadOnlySpan<float>((float*)source + start, target.Length).CopyTo(target);
                break;
            case ScalarType.BFloat16:
                for (var i = 0; i < target.Length; i++)
                    target[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)source)[start + i] << 16);
                break;
            case ScalarType.Float16:
                for (var i = 0; i < target.Length; i++)
                    target[i] = (float)((Half*)source)[start + i];
                break;
            default:
                throw new PeftException($"A matrix of type {DTypes.Name(dtype)} cannot be quantised; it must be float32, bfloat16 or float16.");
        }
    }

    /// <summary>Cuts blocks into ranges for as many threads as the engine computes with.</summary>
    private static void Spread(long blocks, long least, Action<long, long> work)
    {
        var threads = Math.Min(TorchSharp.torch.get_num_threads(), (int)((blocks + least - 1) / least));
        if (threads <= 1)
        {
            work(0, blocks);
            return;
        }

        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, t => work(blocks * t / threads, blocks * (t + 1) / threads));
    }

    private static T* Address<T>(Tensor tensor)
        where T : unmanaged => (T*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    private static Span<T> Values<T>(Tensor tensor)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(tensor.bytes);
}
