using Peft.Core.Quantization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// One base weight. <see cref="Original"/> is what the checkpoint holds and is never written to; a method that trains or merges it puts
/// another tensor in its place and takes it away again, so that the base is restored bit for bit. A 4-bit weight is expanded when somebody
/// asks for its values; layers multiply by it without that.
/// </summary>
public sealed class ModelParameter : IDisposable
{
    private readonly Tensor? original;
    private readonly QuantizedWeight? quantized;
    private readonly ScalarType dtype;
    private Tensor? value;
    private bool mixed;

    internal ModelParameter(string name, Tensor original)
    {
        (Name, Shape, dtype) = (name, original.shape, original.dtype);
        value = this.original = original;
    }

    internal ModelParameter(string name, QuantizedWeight quantized, ScalarType dtype) =>
        (Name, Shape, this.quantized, this.dtype) = (name, [.. quantized.Tensor.State.Shape], quantized, dtype);

    private ModelParameter(string name, long[] shape) => (Name, Shape) = (name, shape);

    /// <summary>Checkpoint name.</summary>
    public string Name { get; }

    /// <summary>Sizes, outermost first.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The weight from the checkpoint; of a 4-bit weight a fresh copy, which belongs to the current scope.</summary>
    public Tensor Original => original ?? quantized?.Tensor.Dequantize(dtype) ?? throw NoValues();

    /// <summary>The weight that computes now; of a 4-bit weight a fresh copy, which belongs to the current scope.</summary>
    public Tensor Value => value ?? Original;

    /// <summary>The 4-bit weight, while it computes.</summary>
    public QuantizedWeight? Quantized => value is null ? quantized : null;

    /// <summary>
    /// The weight in the element type that the model computes in: a trained copy in float32 over a bfloat16 base is rounded here, and its
    /// gradient arrives in float32.
    /// </summary>
    public Tensor Computing => mixed ? Value.to(dtype) : Value;

    /// <summary>The current weight under its checkpoint name.</summary>
    public NamedParameter Named => new(Name, Value);

    /// <summary>A parameter of an outline: name and shape, no values.</summary>
    internal static ModelParameter Outlined(string name, long[] shape) => new(name, shape);

    /// <summary>Lets another tensor of the same shape compute. The caller keeps owning it.</summary>
    /// <exception cref="ArgumentException">Another shape.</exception>
    public void Override(Tensor replacement)
    {
        ArgumentNullException.ThrowIfNull(replacement);
        if (!replacement.shape.AsSpan().SequenceEqual([.. Shape]))
            throw new ArgumentException($"'{Name}' has shape [{string.Join(", ", Shape)}], the replacement [{string.Join(", ", replacement.shape)}].");
        value = replacement;
        mixed = replacement.dtype != dtype;
    }

    /// <summary>Lets the checkpoint's weight compute again.</summary>
    public void Restore()
    {
        value = original;
        mixed = false;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        original?.Dispose();
        quantized?.Dispose();
    }

    private InvalidOperationException NoValues() => new($"'{Name}' belongs to the outline of a model, which has shapes but no values.");
}
