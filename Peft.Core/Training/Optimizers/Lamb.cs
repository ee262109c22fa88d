using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>Settings of <see cref="Lamb"/>.</summary>
public sealed record LambOptions : OptimizerOptions
{
    /// <summary>β1, memory of the gradient's mean.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β2, memory of the gradient's square.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>ε, added to the root of the corrected second moment.</summary>
    public double Epsilon { get; init; } = 1e-6;
}

/// <summary>
/// LAMB (You et al., arXiv:1904.00962): Adam's direction with the decay in it, as long as the tensor it changes. Made for large batches.
/// </summary>
public sealed class Lamb : TensorOptimizer
{
    private readonly LambOptions options;
    private readonly (Tensor Mean, Tensor Square)[] moments;

    /// <summary>An optimizer before its first step.</summary>
    public Lamb(IReadOnlyList<NamedParameter> parameters, LambOptions options)
        : base(parameters, options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        moments = [.. Parameters.Select(p => (Remember("exp_avg", p), Remember("exp_avg_sq", p)))];
    }

    /// <inheritdoc />
    protected override void Update(int index, Tensor parameter, Tensor gradient, double rate, double decay)
    {
        var (mean, square) = moments[index];
        mean.mul_(options.Beta1).add_(gradient, alpha: 1 - options.Beta1);
        square.mul_(options.Beta2).addcmul_(gradient, gradient, 1 - options.Beta2);
        var unbiased = mean / (1 - Math.Pow(options.Beta1, StepCount));
        var root = (square / (1 - Math.Pow(options.Beta2, StepCount))).sqrt().add_(options.Epsilon);
        var direction = unbiased / root;
        if (decay != 0)
            direction.add_(parameter, alpha: decay);
        var (length, stride) = (parameter.to(ScalarType.Float32).norm().item<float>(), direction.norm().item<float>());
        var trust = length > 0 && stride > 0 ? length / stride : 1;
        parameter.add_(direction, alpha: -rate * trust);
    }
}
