using Peft.Core.Quantization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// One base weight. <see cref="Original"/> is what the checkpoint holds and is never written to; a method that trains or merges it puts
/// another tensor in its place and takes it away again, so that the base is restored bit for bit. A weight that is kept in 4 bits, or in
/// bfloat16 under a model that computes in float32, is expanded when somebody asks for its values; layers use it without that.
/// </summary>
public sealed class ModelParameter : IDisposable
{
    private readonly Tensor? original;
    private readonly QuantizedWeight? quantized;
    private readonly NarrowMatrix? narrow;
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

    internal ModelParameter(string name, NarrowMatrix narrow, ScalarType dtype) =>
        (Name, Shape, this.narrow, this.dtype) = (name, narrow.Stored.shape, narrow, dtype);

    private ModelParameter(string name, long[] shape) => (Name, Shape) = (name, shape);

    /// <summary>Checkpoint name.</summary>
    public string Name { get; }

    /// <summary>Sizes, outermost first.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The weight from the checkpoint; of one that is kept in fewer bits a fresh copy, which belongs to the current scope.</summary>
    public Tensor Original => original ?? quantized?.Tensor.Dequantize(dtype) ?? narrow?.Stored.to(dtype) ?? throw NoValues();

    /// <summary>The weight that computes now; of one that is kept in fewer bits a fresh copy, which belongs to the current scope.</summary>
    public Tensor Value => value ?? Original;

    /// <summary>The 4-bit weight, while it computes.</summary>
    public QuantizedWeight? Quantized => value is null ? quantized : null;

    /// <summary>The weight that is kept in bfloat16 under a model of float32, while it computes.</summary>
    internal NarrowMatrix? Narrow => value is null ? narrow : null;

    /// <summary>
    /// The weight in the element type that the model computes in: a trained copy in float32 over a bfloat16 base is rounded here, and its
    /// gradient arrives in float32.
    /// </summary>
    public Tensor Computing => mixed ? Value.to(dtype) : Value;

    /// <summary>Whether what computes now is trained (or comes from something that is).</summary>
    public bool Trains => value is { requires_grad: true };

    /// <summary>The current weight under its checkpoint name.</summary>
    public NamedParameter Named => new(Name, Value);

    /// <summary>A parameter of an outline: name and shape, no values.</summary>
    internal static ModelParameter Outlined(string name, long[] shape) => new(name, shape);

    /// <summary>A parameter over the same stored weight that can be overridden apart; it lives as long as this one and is not disposed.</summary>
    internal ModelParameter Renamed(string name) => original is not null ? new(name, original)
        : quantized is not null ? new(name, quantized, dtype)
        : narrow is not null ? new(name, narrow, dtype)
        : Outlined(name, [.. Shape]);

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
        narrow?.Stored.Dispose();
    }

    private InvalidOperationException NoValues() => new($"'{Name}' belongs to the outline of a model, which has shapes but no values.");
}
