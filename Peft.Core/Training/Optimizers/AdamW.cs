using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>
/// AdamW (Loshchilov and Hutter, arXiv:1711.05101) as <c>torch.optim.AdamW</c> computes it. Adapters are many small tensors, for which a
/// library call per operation costs more than the arithmetic; on the CPU norm, clipping, update and clearing of the gradient are therefore
/// one vectorised pass over memory. Elsewhere the same formulas run as tensor operations.
/// </summary>
public sealed class AdamW : TrainingOptimizer
{
    private readonly Moments[] moments;
    private readonly PagedMemory? paged;
    private readonly AdamWOptions options;
    private readonly bool[] decays;
    private readonly bool onCpu;

    /// <summary>An optimizer with empty moments.</summary>
    /// <param name="parameters">The tensors that train; float32 and contiguous on the CPU.</param>
    /// <param name="options">Settings.</param>
    public AdamW(IReadOnlyList<NamedParameter> parameters, AdamWOptions? options = null)
        : base(parameters)
    {
        this.options = options ?? new AdamWOptions();
        decays = [.. parameters.Select(p => this.options.Decays(p.Name))];
        onCpu = parameters.All(p => p.Tensor.device_type == TorchSharp.DeviceType.CPU && p.Tensor.dtype == ScalarType.Float32 && p.Tensor.is_contiguous());
        using var gradOff = no_grad();
        if (!onCpu && (this.options.StateBits != 32 || this.options.PagedBudget is not null))
            throw new PeftException("optim: 8-bit and paged moments work on the CPU with float32 parameters alone; use adamw_torch.");
        paged = this.options.PagedBudget is { } budget ? new PagedMemory(budget) : null;
        moments = [.. parameters.Select(p => Moments.For(p.Tensor, this.options, paged))];
    }

    /// <summary>
    /// One update: decay, moments, step. Gradients are multiplied by <paramref name="gradientFactor"/> on the way (clipping) and cleared.
    /// Tensors without a gradient are left alone.
    /// </summary>
    public override void Step(double learningRate, double gradientFactor = 1)
    {
        using var gradOff = no_grad();
        StepCount++;
        var correction1 = 1 - Math.Pow(options.Beta1, StepCount);
        var correction2 = 1 - Math.Pow(options.Beta2, StepCount);
        var factors = new AdamWFactors(
            (float)gradientFactor,
            (float)(1 - options.Beta1),
            (float)options.Beta2,
            (float)(1 - options.Beta2),
            (float)Math.Sqrt(correction2),
            (float)options.Epsilon,
            (float)(learningRate / correction1));
        for (var i = 0; i < moments.Length; i++)
        {
            var parameter = Parameters[i].Tensor;
            using var gradient = parameter.grad;
            if (gradient is null)
                continue;
            var rate = options.RateOf?.Invoke(Parameters[i], learningRate) ?? learningRate;
            if (options.RateOf is not null)
                factors = factors with { StepSize = (float)(rate / correction1) };
            var decay = decays[i] ? (float)(1 - (rate * options.WeightDecay)) : 1f;
            if (onCpu && IsPlain(gradient))
                moments[i].Update(AdamWKernel.Values(parameter), AdamWKernel.Values(gradient), factors, decay);
            else
                StepTensors(parameter, gradient, (PlainMoments)moments[i], factors, decay);
            paged?.Release(moments[i]);
        }
    }

    /// <summary>
    /// The moments (not copies) under <c>exp_avg/&lt;name&gt;</c> and <c>exp_avg_sq/&lt;name&gt;</c>; in 8 bits as bitsandbytes calls them,
    /// <c>state1</c>, <c>absmax1</c>, <c>state2</c>, <c>absmax2</c>.
    /// </summary>
    public override IEnumerable<NamedParameter> State()
    {
        for (var i = 0; i < moments.Length; i++)
        {
            foreach (var (kind, tensor) in moments[i].Tensors)
                yield return new NamedParameter($"{kind}/{Parameters[i].Name}", tensor);
        }
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        foreach (var moment in moments)
            moment.Dispose();
        paged?.Dispose();
    }

    private void StepTensors(Tensor parameter, Tensor gradient, PlainMoments moments, AdamWFactors factors, float decay)
    {
        var (mean, square) = (moments.Mean, moments.Square);
        using var scope = NewDisposeScope();
        gradient.mul_(factors.Gradient);
        if (decay != 1)
            parameter.mul_(decay);
        mean.lerp_(gradient.to(mean.dtype), factors.OneMinusBeta1);
        square.mul_(factors.Beta2).addcmul_(gradient, gradient, factors.OneMinusBeta2);
        var denominator = (square.sqrt() / factors.RootCorrection2).add_(factors.Epsilon);
        parameter.addcdiv_(mean, denominator, -factors.StepSize);
        gradient.zero_();
        scope.Detach(gradient, parameter, mean, square);
    }
}
