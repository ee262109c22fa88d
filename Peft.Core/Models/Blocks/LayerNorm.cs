using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Blocks;

/// <summary>Layer normalisation: y = w · (x − mean) / √(var + ε) + b over the last dimension. https://arxiv.org/abs/1607.06450</summary>
public sealed class LayerNorm
{
    private readonly ModelParameter weight;
    private readonly ModelParameter? bias;
    private readonly double epsilon;

    internal LayerNorm(ModelParameter weight, ModelParameter? bias, double epsilon) =>
        (this.weight, this.bias, this.epsilon) = (weight, bias, epsilon);

    /// <summary>Normalises the rows of x [N, C].</summary>
    public Tensor Forward(Tensor x) => F.layer_norm(x, [.. weight.Shape], weight.Computing, bias?.Computing, epsilon);
}
