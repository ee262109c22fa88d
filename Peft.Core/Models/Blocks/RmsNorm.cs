using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Root-mean-square normalisation: y = w · x / √(mean(x²) + ε), computed in fp32 and brought back to the type of x before the weight is
/// applied (as Hugging Face's LlamaRMSNorm). Gemma stores w − 1 and applies it in fp32. https://arxiv.org/abs/1910.07467
/// </summary>
public sealed class RmsNorm
{
    private readonly ModelParameter weight;
    private readonly double epsilon;
    private readonly bool unitOffset;

    internal RmsNorm(ModelParameter weight, double epsilon, bool unitOffset = false) =>
        (this.weight, this.epsilon, this.unitOffset) = (weight, epsilon, unitOffset);

    /// <summary>Normalises the last dimension of x [..., C].</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var dtype = x.dtype;
        var x32 = x.to(ScalarType.Float32);
        var scale = x32.square().mean([-1], keepdim: true).add_(epsilon).rsqrt();
        var normed = x32 * scale;
        var result = unitOffset
            ? (normed * (weight.Computing.to(ScalarType.Float32) + 1)).to(dtype)
            : weight.Computing * normed.to(dtype);
        return result.MoveToOuterDisposeScope();
    }
}
