using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Root-mean-square normalisation: y = w · x / √(mean(x²) + ε), computed in fp32 and brought back to the type of x before the weight is
/// applied (as Hugging Face's LlamaRMSNorm). https://arxiv.org/abs/1910.07467
/// </summary>
public sealed class RmsNorm
{
    private readonly double epsilon;

    internal RmsNorm(ModelParameter weight, double epsilon)
    {
        WeightParameter = weight;
        this.epsilon = epsilon;
    }

    /// <summary>Weight [C].</summary>
    public ModelParameter WeightParameter { get; }

    /// <summary>Normalises the rows of x [N, C].</summary>
    public Tensor Forward(Tensor x)
    {
        var dtype = x.dtype;
        var x32 = x.to(ScalarType.Float32);
        var scale = x32.square().mean([-1], keepdim: true).add_(epsilon).rsqrt();
        var normed = x32 * scale;
        return WeightParameter.Computing * normed.to(dtype);
    }
}
