using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>An optimizer whose update of one tensor is written as tensor operations, the same on every device.</summary>
public abstract class TensorOptimizer : TrainingOptimizer
{
    private readonly OptimizerOptions options;
    private readonly bool[] decays;
    private readonly List<(string Name, Tensor Tensor)> state = [];

    /// <summary>Takes the tensors that train.</summary>
    protected TensorOptimizer(IReadOnlyList<NamedParameter> parameters, OptimizerOptions options)
        : base(parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        decays = [.. parameters.Select(p => options.Decays(p.Name))];
    }

    /// <inheritdoc />
    public override void Step(double learningRate, double gradientFactor = 1)
    {
        using var gradOff = no_grad();
        StepCount++;
        for (var i = 0; i < Parameters.Count; i++)
        {
            using var scope = NewDisposeScope();
            var parameter = Parameters[i].Tensor;
            if (parameter.grad is not { } gradient)
                continue;
            var scaled = gradient.to(ScalarType.Float32) * gradientFactor;
            Update(i, parameter, scaled, options.RateOf?.Invoke(Parameters[i], learningRate) ?? learningRate, decays[i] ? options.WeightDecay : 0);
            gradient.zero_();
            scope.Detach(parameter);
        }
    }

    /// <inheritdoc />
    public override IEnumerable<NamedParameter> State() => state.Select(entry => new NamedParameter(entry.Name, entry.Tensor));

    /// <summary>Changes one tensor in place.</summary>
    /// <param name="index">Its number.</param>
    /// <param name="parameter">The tensor.</param>
    /// <param name="gradient">Its gradient in float32, clipped; may be written to.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="decay">Weight decay; 0 for tensors that do not decay.</param>
    protected abstract void Update(int index, Tensor parameter, Tensor gradient, double rate, double decay);

    /// <summary>Zeros to remember something in about a tensor, on its device in float32; part of <see cref="State"/>.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="parameter">The tensor it is about.</param>
    /// <param name="shape">Its shape; null is the tensor's.</param>
    protected Tensor Remember(string kind, NamedParameter parameter, long[]? shape = null)
    {
        var tensor = zeros(shape ?? parameter.Tensor.shape, ScalarType.Float32, parameter.Tensor.device).DetachFromDisposeScope();
        state.Add(($"{kind}/{parameter.Name}", tensor));
        return tensor;
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        foreach (var (_, tensor) in state)
            tensor.Dispose();
        state.Clear();
    }
}
