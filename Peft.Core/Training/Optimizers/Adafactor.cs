using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>Settings of <see cref="Adafactor"/>, with the defaults that the Hugging Face Trainer sets: the rate comes from the schedule alone.</summary>
public sealed record AdafactorOptions : OptimizerOptions
{
    /// <summary>Added to squared gradients.</summary>
    public double SquareEpsilon { get; init; } = 1e-30;

    /// <summary>Smallest scale of a tensor, where rates follow it.</summary>
    public double ScaleEpsilon { get; init; } = 1e-3;

    /// <summary>Updates of a larger root mean square are shrunk to it.</summary>
    public double ClipThreshold { get; init; } = 1;

    /// <summary>Exponent by which the memory of squares grows with the steps.</summary>
    public double DecayRate { get; init; } = -0.8;

    /// <summary>Memory of updates; null remembers none.</summary>
    public double? Beta1 { get; init; }

    /// <summary>Whether the rate is multiplied by the root mean square of the tensor.</summary>
    public bool ScaleParameter { get; init; }
}

/// <summary>
/// Adafactor (Shazeer and Stern, arXiv:1804.04235) as <c>transformers.optimization.Adafactor</c> computes it: the squares of a matrix are
/// remembered by row and column, so that its memory is hardly any.
/// </summary>
public sealed class Adafactor : TensorOptimizer
{
    private readonly AdafactorOptions options;
    private readonly Memory[] memories;

    /// <summary>An optimizer before its first step.</summary>
    public Adafactor(IReadOnlyList<NamedParameter> parameters, AdafactorOptions options)
        : base(parameters, options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        memories = [.. Parameters.Select(Make)];
    }

    /// <inheritdoc />
    protected override void Update(int index, Tensor parameter, Tensor gradient, double rate, double decay)
    {
        var memory = memories[index];
        if (options.ScaleParameter)
            rate *= Math.Max(options.ScaleEpsilon, RootMeanSquare(parameter.to(ScalarType.Float32)).item<float>());
        var keep = 1 - Math.Pow(StepCount, options.DecayRate);
        var squares = (gradient * gradient).add_(options.SquareEpsilon);
        Tensor update;
        if (memory is { Rows: { } rows, Columns: { } columns })
        {
            rows.mul_(keep).add_(squares.mean([-1]), alpha: 1 - keep);
            columns.mul_(keep).add_(squares.mean([-2]), alpha: 1 - keep);
            var byRow = (rows / rows.mean([-1], keepdim: true)).rsqrt().unsqueeze(-1);
            update = byRow * columns.unsqueeze(-2).rsqrt() * gradient;
        }
        else
        {
            memory.Squares!.mul_(keep).add_(squares, alpha: 1 - keep);
            update = memory.Squares.rsqrt() * gradient;
        }

        update.div_((RootMeanSquare(update) / options.ClipThreshold).clamp(min: 1));
        update.mul_(rate);
        if (memory.Updates is { } updates)
            update = updates.mul_(options.Beta1!.Value).add_(update, alpha: 1 - options.Beta1.Value);
        if (decay != 0)
            parameter.add_(parameter, alpha: -decay * rate);
        parameter.sub_(update);
    }

    private static Tensor RootMeanSquare(Tensor x) => x.norm() / Math.Sqrt(x.numel());

    private Memory Make(NamedParameter parameter)
    {
        var shape = parameter.Tensor.shape;
        var updates = options.Beta1 is null ? null : Remember("exp_avg", parameter);
        return shape.Length < 2
            ? new Memory(null, null, Remember("exp_avg_sq", parameter), updates)
            : new Memory(
                Remember("exp_avg_sq_row", parameter, shape[..^1]), Remember("exp_avg_sq_col", parameter, [.. shape[..^2], shape[^1]]), null, updates);
    }

    private sealed record Memory(Tensor? Rows, Tensor? Columns, Tensor? Squares, Tensor? Updates);
}
