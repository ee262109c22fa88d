using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>Settings of <see cref="Lion"/>.</summary>
public sealed record LionOptions : OptimizerOptions
{
    /// <summary>β1, how much of the memory is in the direction of a step.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β2, how much of the memory is kept.</summary>
    public double Beta2 { get; init; } = 0.99;
}

/// <summary>
/// Lion (Chen et al., arXiv:2302.06675): steps of one size in the direction of the sign. Takes rates three to ten times below AdamW's.
/// </summary>
public sealed class Lion : TensorOptimizer
{
    private readonly LionOptions options;
    private readonly Tensor[] means;

    /// <summary>An optimizer before its first step.</summary>
    public Lion(IReadOnlyList<NamedParameter> parameters, LionOptions options)
        : base(parameters, options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        means = [.. Parameters.Select(p => Remember("exp_avg", p))];
    }

    /// <inheritdoc />
    protected override void Update(int index, Tensor parameter, Tensor gradient, double rate, double decay)
    {
        var mean = means[index];
        var direction = ((mean * options.Beta1) + (gradient * (1 - options.Beta1))).sign();
        if (decay != 0)
            parameter.mul_(1 - (rate * decay));
        parameter.add_(direction, alpha: -rate);
        mean.mul_(options.Beta2).add_(gradient, alpha: 1 - options.Beta2);
    }
}
