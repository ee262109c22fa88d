using Peft.Core.Tensors;

namespace Peft.Core.Training.Optimizers;

/// <summary>Settings of <see cref="AdamW"/> with PyTorch's meaning and the Hugging Face Trainer's defaults.</summary>
public sealed record AdamWOptions
{
    /// <summary>β1, memory of the gradient's mean.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β2, memory of the gradient's square.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>ε, added to the root of the corrected second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay: weights shrink by learning rate × this in every step.</summary>
    public double WeightDecay { get; init; }

    /// <summary>
    /// Bits of a moment: 32, or 8 (https://arxiv.org/abs/2110.02861), where moments of tensors with at least <see cref="Smallest8Bit"/> elements
    /// are kept as indices into 256 codes with a scale per block of 256.
    /// </summary>
    public int StateBits { get; init; } = 32;

    private const double LoraPlusEmbeddingPeak = 1e-6;

    /// <summary>Smaller tensors keep 32-bit moments, as in bitsandbytes.</summary>
    public const int Smallest8Bit = 4096;

    /// <summary>The names under which training arguments choose the variants.</summary>
    public static IReadOnlyList<string> Names { get; } = ["adamw_torch", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"];

    /// <summary>The budget of the paged variants in a run: moments beyond 256 MiB lie in files.</summary>
    public const long UsualPagedBudget = 256L << 20;

    /// <summary>
    /// Bytes of moments that stay in memory; the rest lies in a mapped file whose pages are given back after each update, so that the
    /// numbers are the same and the memory is not. Null keeps all in memory.
    /// </summary>
    public long? PagedBudget { get; init; }

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

    /// <summary>Which tensors decay. By default Hugging Face's rule: neither biases nor norm weights.</summary>
    public Func<string, bool> Decays { get; init; } = name =>
        !name.Contains("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.OrdinalIgnoreCase);
}
