using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>
/// AdamW (Loshchilov and Hutter, arXiv:1711.05101) as <c>torch.optim.AdamW</c> computes it. Adapters are many small tensors, for which a
/// library call per operation costs more than the arithmetic; on the CPU norm, clipping, update and clearing of the gradient are therefore
/// one vectorised pass over memory. Elsewhere the same formulas run as tensor operations.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly IReadOnlyList<NamedParameter> parameters;
    private readonly Moments[] moments;
    private readonly PagedMemory? paged;
    private readonly AdamWOptions options;
    private readonly bool[] decays;
    private readonly bool onCpu;

    /// <summary>An optimizer with empty moments.</summary>
    /// <param name="parameters">The tensors that train; float32 and contiguous on the CPU.</param>
    /// <param name="options">Settings.</param>
    public AdamW(IReadOnlyList<NamedParameter> parameters, AdamWOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        this.parameters = parameters;
        this.options = options ?? new AdamWOptions();
        decays = [.. parameters.Select(p => this.options.Decays(p.Name))];
        onCpu = parameters.All(p => p.Tensor.device_type == TorchSharp.DeviceType.CPU && p.Tensor.dtype == ScalarType.Float32 && p.Tensor.is_contiguous());
        using var gradOff = no_grad();
        if (!onCpu && (this.options.StateBits != 32 || this.options.PagedBudget is not null))
            throw new PeftException("optim: 8-bit and paged moments work on the CPU with float32 parameters alone; use adamw_torch.");
        paged = this.options.PagedBudget is { } budget ? new PagedMemory(budget) : null;
        moments = [.. parameters.Select(p => Moments.For(p.Tensor, this.options, paged))];
    }

    /// <summary>Updates made so far.</summary>
    public int StepCount { get; private set; }

    /// <summary>L2 norm of all gradients together. Waits for the device.</summary>
    public double GradientNorm()
    {
        var sum = 0.0;
        foreach (var (_, parameter) in parameters)
        {
            using var gradient = parameter.grad;
            if (gradient is null)
                continue;
            if (IsPlain(gradient))
            {
                sum += AdamWKernel.SquaredNorm(AdamWKernel.Values(gradient));
            }
            else
            {
                using var flat = gradient.to(ScalarType.Float32);
                using var norm = flat.norm();
                var value = (double)norm.item<float>();
                sum += value * value;
            }
        }

        return Math.Sqrt(sum);
    }

    /// <summary>
    /// The factor that clips gradients of this norm, as <c>clip_grad_norm_</c> has it: min(1, max/(norm + 1e-6)); 1 when there is no limit.
    /// </summary>
    public static double ClipFactor(double norm, double maxNorm) => maxNorm > 0 ? Math.Min(1, maxNorm / (norm + 1e-6)) : 1;

    /// <summary>
    /// One update: decay, moments, step. Gradients are multiplied by <paramref name="gradientFactor"/> on the way (clipping) and cleared.
    /// Tensors without a gradient are left alone.
    /// </summary>
    public void Step(double learningRate, double gradientFactor = 1)
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
            var parameter = parameters[i].Tensor;
            using var gradient = parameter.grad;
            if (gradient is null)
                continue;
            var rate = options.RateOf?.Invoke(parameters[i], learningRate) ?? learningRate;
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

    /// <summary>Clears all gradients without an update.</summary>
    public void ZeroGrad()
    {
        using var gradOff = no_grad();
        foreach (var (_, parameter) in parameters)
        {
            using var gradient = parameter.grad;
            if (gradient is not null)
            {
                using var cleared = gradient.zero_();
            }
        }
    }

    /// <summary>
    /// The moments (not copies) under <c>exp_avg/&lt;name&gt;</c> and <c>exp_avg_sq/&lt;name&gt;</c>; in 8 bits as bitsandbytes calls them,
    /// <c>state1</c>, <c>absmax1</c>, <c>state2</c>, <c>absmax2</c>.
    /// </summary>
    public IEnumerable<NamedParameter> State()
    {
        for (var i = 0; i < moments.Length; i++)
        {
            foreach (var (kind, tensor) in moments[i].Tensors)
                yield return new NamedParameter($"{kind}/{parameters[i].Name}", tensor);
        }
    }

    /// <summary>Restores moments and the number of updates.</summary>
    /// <param name="find">Gives the saved tensor of a name from <see cref="State"/>, or null.</param>
    /// <param name="stepCount">Updates made when it was saved.</param>
    /// <exception cref="PeftException">A moment is missing or has another shape.</exception>
    public void LoadState(Func<string, Tensor?> find, int stepCount)
    {
        ArgumentNullException.ThrowIfNull(find);
        using var gradOff = no_grad();
        foreach (var (name, target) in State())
        {
            using var saved = find(name) ?? throw new PeftException($"The saved optimizer lacks '{name}'.");
            if (!saved.shape.AsSpan().SequenceEqual(target.shape))
                throw new PeftException($"The saved optimizer's '{name}' has shape [{string.Join(", ", saved.shape)}] instead of [{string.Join(", ", target.shape)}].");
            target.copy_(saved);
        }

        StepCount = stepCount;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var moment in moments)
            moment.Dispose();
        paged?.Dispose();
    }

    private static bool IsPlain(Tensor tensor) =>
        tensor.device_type == TorchSharp.DeviceType.CPU && tensor.dtype == ScalarType.Float32 && tensor.is_contiguous();

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
