using static TorchSharp.torch;

namespace Peft.Core.Tensors;

/// <summary>A tensor and the name it has in files.</summary>
/// <param name="Name">Name in checkpoint or adapter (without the adapter's own name).</param>
/// <param name="Tensor">The tensor itself, not a copy.</param>
public sealed record NamedParameter(string Name, Tensor Tensor);

/// <summary>Name and shape of a parameter, known from a config alone.</summary>
/// <param name="Name">Checkpoint name, e.g. <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
/// <param name="Shape">Sizes, outermost first.</param>
public sealed record ParameterShape(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>Number of elements.</summary>
    public long Count
    {
        get
        {
            var count = 1L;
            foreach (var size in Shape)
                count *= size;
            return count;
        }
    }

    /// <summary>The name with the shape behind it, e.g. <c>lm_head.weight [96, 32]</c>.</summary>
    public override string ToString() => $"{Name} [{string.Join(", ", Shape)}]";
}
