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

    /// <summary>Which tensors decay. By default Hugging Face's rule: neither biases nor norm weights.</summary>
    public Func<string, bool> Decays { get; init; } = name =>
        !name.Contains("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.OrdinalIgnoreCase);
}
