namespace Peft.Core.Training.Optimizers;

/// <summary>Settings of <see cref="AdamW"/> with PyTorch's meaning and the Hugging Face Trainer's defaults.</summary>
public sealed record AdamWOptions : OptimizerOptions
{
    /// <summary>β1, memory of the gradient's mean.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β2, memory of the gradient's square.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>ε, added to the root of the corrected second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>
    /// Bits of a moment: 32, or 8 (https://arxiv.org/abs/2110.02861), where moments of tensors with at least <see cref="Smallest8Bit"/> elements
    /// are kept as indices into 256 codes with a scale per block of 256.
    /// </summary>
    public int StateBits { get; init; } = 32;

    /// <summary>Smaller tensors keep 32-bit moments, as in bitsandbytes.</summary>
    public const int Smallest8Bit = 4096;

    /// <summary>The budget of the paged variants in a run: moments beyond 256 MiB lie in files.</summary>
    public const long UsualPagedBudget = 256L << 20;

    /// <summary>
    /// Bytes of moments that stay in memory; the rest lies in a mapped file whose pages are given back after each update, so that the
    /// numbers are the same and the memory is not. Null keeps all in memory.
    /// </summary>
    public long? PagedBudget { get; init; }
}
