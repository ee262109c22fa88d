using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// One base weight. <see cref="Original"/> is what the checkpoint holds and is never written to; a method that trains or merges it puts
/// another tensor in its place and takes it away again, so that the base is restored bit for bit.
/// </summary>
public sealed class ModelParameter : IDisposable
{
    private bool mixed;

    internal ModelParameter(string name, Tensor original)
    {
        Name = name;
        Original = original;
        Value = original;
    }

    /// <summary>Checkpoint name.</summary>
    public string Name { get; }

    /// <summary>The weight from the checkpoint.</summary>
    public Tensor Original { get; }

    /// <summary>The weight that computes now.</summary>
    public Tensor Value { get; private set; }

    /// <summary>
    /// The weight in the element type that the model computes in: a trained copy in float32 over a bfloat16 base is rounded here, and its
    /// gradient arrives in float32.
    /// </summary>
    public Tensor Computing => mixed ? Value.to(Original.dtype) : Value;

    /// <summary>The current weight under its checkpoint name.</summary>
    public NamedParameter Named => new(Name, Value);

    /// <summary>Lets another tensor of the same shape compute. The caller keeps owning it.</summary>
    /// <exception cref="ArgumentException">Another shape.</exception>
    public void Override(Tensor replacement)
    {
        ArgumentNullException.ThrowIfNull(replacement);
        if (!replacement.shape.AsSpan().SequenceEqual(Original.shape))
            throw new ArgumentException($"'{Name}' has shape [{string.Join(", ", Original.shape)}], the replacement [{string.Join(", ", replacement.shape)}].");
        Value = replacement;
        mixed = replacement.dtype != Original.dtype;
    }

    /// <summary>Lets the checkpoint's weight compute again.</summary>
    public void Restore()
    {
        Value = Original;
        mixed = false;
    }

    /// <inheritdoc />
    public void Dispose() => Original.Dispose();
}
