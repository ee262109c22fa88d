using Peft.Core.Tensors;

namespace Peft.Core.Training.Optimizers;

/// <summary>What every optimizer is told.</summary>
public record OptimizerOptions
{
    private const double LoraPlusEmbeddingPeak = 1e-6;

    /// <summary>Weight decay. All but SGD decouple it: weights shrink by learning rate × this in every step.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Which tensors decay. By default Hugging Face's rule: neither biases nor norm weights.</summary>
    public Func<string, bool> Decays { get; init; } = WeightDecayGroups.Decays;

    /// <summary>The rate of a tensor, from the step's rate; null takes the step's rate for all.</summary>
    public Func<NamedParameter, double, double>? RateOf { get; init; }

    /// <summary>
    /// LoRA+ (https://arxiv.org/abs/2402.12354), as PEFT groups it: B of LoRA and vectors learn faster than A by a ratio, adapted embeddings
    /// peak at a small rate of their own.
    /// </summary>
    /// <param name="ratio">How much faster, usually 4 to 16.</param>
    /// <param name="peak">The peak of the steps' rates.</param>
    public static Func<NamedParameter, double, double> LoraPlus(double ratio, double peak) => (parameter, rate) =>
        parameter.Name.Contains("lora_embedding", StringComparison.Ordinal) ? LoraPlusEmbeddingPeak * rate / peak
        : parameter.Name.Contains("lora_B", StringComparison.Ordinal) || parameter.Tensor.dim() == 1 ? ratio * rate
        : rate;
}
