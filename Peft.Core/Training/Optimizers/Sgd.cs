using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>Settings of <see cref="Sgd"/> with PyTorch's names and defaults.</summary>
public sealed record SgdOptions : OptimizerOptions
{
    /// <summary>Share of the last direction that is kept; 0 remembers nothing.</summary>
    public double Momentum { get; init; }

    /// <summary>Looks ahead along the momentum.</summary>
    public bool Nesterov { get; init; }
}

/// <summary>Stochastic gradient descent as <c>torch.optim.SGD</c> has it: weight decay is added to the gradient.</summary>
public sealed class Sgd : TensorOptimizer
{
    private readonly SgdOptions options;
    private readonly Tensor[] momenta;

    /// <summary>An optimizer before its first step.</summary>
    public Sgd(IReadOnlyList<NamedParameter> parameters, SgdOptions options)
        : base(parameters, options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        momenta = options.Momentum > 0 ? [.. Parameters.Select(p => Remember("momentum_buffer", p))] : [];
    }

    /// <inheritdoc />
    protected override void Update(int index, Tensor parameter, Tensor gradient, double rate, double decay)
    {
        if (decay != 0)
            gradient.add_(parameter, alpha: decay);
        if (momenta.Length > 0)
        {
            // The first buffer is the gradient itself; from zeros the same comes out, as nothing is damped.
            var buffer = momenta[index];
            buffer.mul_(options.Momentum).add_(gradient);
            if (options.Nesterov)
                gradient.add_(buffer, alpha: options.Momentum);
            else
                gradient = buffer;
        }

        parameter.add_(gradient, alpha: -rate);
    }
}
