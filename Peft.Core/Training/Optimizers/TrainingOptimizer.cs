using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>
/// What changes weights by their gradients. An optimizer knows the tensors it trains, what it remembers about them (which a checkpoint
/// holds), and the number of updates; the learning rate comes with every update.
/// </summary>
public abstract class TrainingOptimizer : IDisposable
{
    /// <summary>Takes the tensors that train.</summary>
    /// <param name="parameters">Tensors with <c>requires_grad</c>.</param>
    protected TrainingOptimizer(IReadOnlyList<NamedParameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameters = parameters;
    }

    /// <summary>Updates made so far.</summary>
    public int StepCount { get; protected set; }

    /// <summary>The tensors that train.</summary>
    protected IReadOnlyList<NamedParameter> Parameters { get; }

    /// <summary>
    /// The factor that clips gradients of this norm, as <c>clip_grad_norm_</c> has it: min(1, max/(norm + 1e-6)); 1 when there is no limit.
    /// </summary>
    public static double ClipFactor(double norm, double maxNorm) => maxNorm > 0 ? Math.Min(1, maxNorm / (norm + 1e-6)) : 1;

    /// <summary>L2 norm of all gradients together. Waits for the device.</summary>
    public double GradientNorm()
    {
        var sum = 0.0;
        foreach (var (_, parameter) in Parameters)
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
    /// One update. Gradients are multiplied by <paramref name="gradientFactor"/> on the way (clipping) and cleared. Tensors without a
    /// gradient are left alone.
    /// </summary>
    public abstract void Step(double learningRate, double gradientFactor = 1);

    /// <summary>What is remembered about every tensor (not copies), under <c>&lt;kind&gt;/&lt;name&gt;</c>.</summary>
    public abstract IEnumerable<NamedParameter> State();

    /// <summary>Clears all gradients without an update.</summary>
    public void ZeroGrad()
    {
        using var gradOff = no_grad();
        foreach (var (_, parameter) in Parameters)
        {
            using var gradient = parameter.grad;
            if (gradient is not null)
            {
                using var cleared = gradient.zero_();
            }
        }
    }

    /// <summary>Restores what was remembered and the number of updates.</summary>
    /// <param name="find">Gives the saved tensor of a name from <see cref="State"/>, or null.</param>
    /// <param name="stepCount">Updates made when it was saved.</param>
    /// <exception cref="PeftException">A tensor is missing or has another shape.</exception>
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
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what is remembered.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Whether a tensor is float32 that lies in one piece in the CPU's memory.</summary>
    private protected static bool IsPlain(Tensor tensor) =>
        tensor.device_type == TorchSharp.DeviceType.CPU && tensor.dtype == ScalarType.Float32 && tensor.is_contiguous();
}
