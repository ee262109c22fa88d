using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// One base weight. <see cref="Original"/> is what the checkpoint holds and is never written to; a method that trains or merges it puts
/// another tensor in its place and takes it away again, so that the base is restored bit for bit.
/// </summary>
public sealed class ModelParameter : IDisposable
{
    private readonly Tensor? original;
    private Tensor? value;
    private bool mixed;

    internal ModelParameter(string name, Tensor original)
    {
        (Name, Shape) = (name, original.shape);
        value = this.original = original;
    }

    private ModelParameter(string name, long[] shape) => (Name, Shape) = (name, shape);

    /// <summary>Checkpoint name.</summary>
    public string Name { get; }

    /// <summary>Sizes, outermost first.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The weight from the checkpoint.</summary>
    public Tensor Original => original ?? throw NoValues();

    /// <summary>The weight that computes now.</summary>
    public Tensor Value => value ?? throw NoValues();

    /// <summary>
    /// The weight in the element type that the model computes in: a trained copy in float32 over a bfloat16 base is rounded here, and its
    /// gradient arrives in float32.
    /// </summary>
    public Tensor Computing => mixed ? Value.to(Original.dtype) : Value;

    /// <summary>The current weight under its checkpoint name.</summary>
    public NamedParameter Named => new(Name, Value);

    /// <summary>A parameter of an outline: name and shape, no values.</summary>
    internal static ModelParameter Outlined(string name, long[] shape) => new(name, shape);

    /// <summary>Lets another tensor of the same shape compute. The caller keeps owning it.</summary>
    /// <exception cref="ArgumentException">Another shape.</exception>
    public void Override(Tensor replacement)
    {
        ArgumentNullException.ThrowIfNull(replacement);
        if (!replacement.shape.AsSpan().SequenceEqual(Original.shape))
            throw new ArgumentException($"'{Name}' has shape [{string.Join(", ", Original.shape)}], the replacement [{string.Join(", ", replacement.shape)}].");
        value = replacement;
        mixed = replacement.dtype != Original.dtype;
    }

    /// <summary>Lets the checkpoint's weight compute again.</summary>
    public void Restore()
    {
        value = Original;
        mixed = false;
    }

    /// <inheritdoc />
    public void Dispose() => original?.Dispose();

    private InvalidOperationException NoValues() => new($"'{Name}' belongs to the outline of a model, which has shapes but no values.");
}
