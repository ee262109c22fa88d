using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Blocks;

/// <summary>Layer normalisation: y = w · (x − mean) / √(var + ε) + b over the last dimension. https://arxiv.org/abs/1607.06450</summary>
public sealed class LayerNorm
{
    private readonly long width;
    private readonly ModelParameter? weight;
    private readonly ModelParameter? bias;
    private readonly double epsilon;

    internal LayerNorm(int width, ModelParameter? weight, ModelParameter? bias, double epsilon) =>
        (this.width, this.weight, this.bias, this.epsilon) = (width, weight, bias, epsilon);

    /// <summary>Normalises the last dimension of x [..., C].</summary>
    public Tensor Forward(Tensor x) => F.layer_norm(x, [width], weight?.Computing, bias?.Computing, epsilon);
}
