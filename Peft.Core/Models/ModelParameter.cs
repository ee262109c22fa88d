using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// One base weight. <see cref="Original"/> is what the checkpoint holds and is never written to; a method that trains or merges it puts
/// another tensor in its place and takes it away again, so that the base is restored bit for bit.
/// </summary>
public sealed class ModelParameter : IDisposable
{
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
    }

    /// <summary>Lets the checkpoint's weight compute again.</summary>
    public void Restore() => Value = Original;

    /// <inheritdoc />
    public void Dispose() => Original.Dispose();
}
