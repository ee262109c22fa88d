using System.Diagnostics;
using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Training.Optimizers;
using Peft.Core.Training.Tasks;
using static TorchSharp.torch;

namespace Peft.Core.Training;

/// <summary>What an optimizer step did.</summary>
/// <param name="Step">Number of the step, from 1.</param>
/// <param name="Loss">Mean loss over the label tokens, nats.</param>
/// <param name="LearningRate">Rate used.</param>
/// <param name="GradNorm">L2 norm of the gradient before clipping.</param>
/// <param name="Epoch">Epochs done, fractional.</param>
/// <param name="Tokens">Tokens of the step without padding.</param>
/// <param name="Seconds">Time it took.</param>
public sealed record StepReport(int Step, double Loss, double LearningRate, double GradNorm, double Epoch, int Tokens, double Seconds)
{
    /// <summary>The rank of every adapted module, where the step moved ranks between modules.</summary>
    public IReadOnlyDictionary<string, int>? Ranks { get; init; }

    /// <summary>Seconds of forward passes and losses.</summary>
    public double ForwardSeconds { get; init; }

    /// <summary>Seconds of backward passes.</summary>
    public double BackwardSeconds { get; init; }

    /// <summary>Seconds of the update, the gradient's norm included.</summary>
    public double OptimizerSeconds { get; init; }
}

/// <summary>
/// The optimizer steps of a run: batches in, weights changed. Synchronous; one thread owns it and its tensors. It knows no files and no
/// run directory.
/// </summary>
public sealed class TrainingLoop : IDisposable
{
    private readonly BaseModel model;
    private readonly PeftAdapter adapter;
    private readonly TaskSplit examples;
    private readonly TrainingArguments arguments;
    private readonly BatchPlan plan;

    /// <summary>A loop of a decoder that follows instructions, before its first step.</summary>
    /// <param name="model">The base.</param>
    /// <param name="adapter">What trains.</param>
    /// <param name="examples">The training split.</param>
    /// <param name="arguments">Checked arguments.</param>
    public TrainingLoop(CausalLanguageModel model, PeftAdapter adapter, IReadOnlyList<TokenizedExample> examples, TrainingArguments arguments)
        : this(model, adapter, new CausalSplit(examples), arguments)
    {
    }

    /// <summary>A loop before its first step.</summary>
    /// <param name="model">The base, loaded for the task of the examples.</param>
    /// <param name="adapter">What trains.</param>
    /// <param name="examples">The training split.</param>
    /// <param name="arguments">Checked arguments.</param>
    public TrainingLoop(BaseModel model, PeftAdapter adapter, TaskSplit examples, TrainingArguments arguments)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(arguments);
        this.model = model;
        this.adapter = adapter;
        this.examples = examples;
        this.arguments = arguments;
        plan = new BatchPlan(examples.Lengths, BatchSettings.Of(arguments), examples.Order(BatchSettings.Of(arguments)));
        TotalSteps = arguments.TotalSteps(plan.StepsPerEpoch);
        Rates = LearningRates.Of(arguments, TotalSteps);
        adapter.Plan(TotalSteps);
        Optimizer = OptimizerChoice.Create(arguments, adapter.Trainable, WeightDecayGroups.Of(model.Norms.Select(norm => norm.Path)));
        model.NeftuneNoiseAlpha = arguments.NeftuneNoiseAlpha ?? 0;
    }

    /// <summary>Optimizer steps in all.</summary>
    public int TotalSteps { get; }

    /// <summary>Optimizer steps made.</summary>
    public int Step { get; set; }

    /// <summary>Optimizer steps of an epoch.</summary>
    public int StepsPerEpoch => plan.StepsPerEpoch;

    /// <summary>The optimizer with what it remembers.</summary>
    public TrainingOptimizer Optimizer { get; }

    /// <summary>The rate of every step.</summary>
    public LearningRates Rates { get; init; }

    /// <summary>The rows of the micro-batches of an optimizer step, counted from 0.</summary>
    public IReadOnlyList<int[]> Batches(int step) => plan.Step(step);

    /// <summary>Makes one optimizer step.</summary>
    /// <exception cref="PeftException">Loss or gradient are no numbers any more; the weights were not changed by this step.</exception>
    public StepReport TrainStep()
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        model.Training = true;
        var batches = plan.Step(Step).Select(rows => examples.Collate(model, rows)).ToArray();
        var group = new LossGroup(batches.Length, batches.Sum(batch => batch.Items), arguments.LabelSmoothingFactor);
        Tensor? total = null;
        if (group.Items <= 0)
            throw new PeftException($"Step {Step + 1}: no token of its records carries loss, all labels are masked: outputs are empty or were cut off. Raise max_length, choose another cut_policy, or look at the records.");
        var (forward, backward) = (0.0, 0.0);
        try
        {
            foreach (var batch in batches)
            {
                using var micro = NewDisposeScope();
                model.Recomputation = arguments.GradientCheckpointing ? new Recomputation(micro) : null;
                var start = clock.Elapsed;
                var loss = batch.Loss(group);
                var between = clock.Elapsed;
                loss.backward();
                Recomputation.ThrowIfFailed();
                var detached = loss.detach();
                total = (total is null ? detached : total + detached).MoveToOuterDisposeScope();
                forward += (between - start).TotalSeconds;
                backward += (clock.Elapsed - between).TotalSeconds;
            }
        }
        finally
        {
            model.Recomputation = null;
        }

        // A method's own term counts once per step, and not in the loss that is reported: that one is compared between methods.
        adapter.Penalty()?.backward();
        var value = (double)total!.item<float>();
        var updating = clock.Elapsed;
        var rate = Rates.At(Step);
        var norm = Optimizer.GradientNorm();
        if (!double.IsFinite(value) || !double.IsFinite(norm))
        {
            Optimizer.ZeroGrad();
            throw new DivergenceException(Step + 1, value, norm);
        }

        var factor = TrainingOptimizer.ClipFactor(norm, arguments.MaxGradNorm);
        adapter.BeforeStep(factor);
        Optimizer.Step(rate, factor);
        Step++;
        var moved = adapter.AfterStep(Step);
        return new StepReport(Step, value, rate, norm, plan.EpochAfter(Step), batches.Sum(batch => batch.Tokens), clock.Elapsed.TotalSeconds)
        {
            Ranks = moved ? adapter.Ranks : null,
            ForwardSeconds = forward,
            BackwardSeconds = backward,
            OptimizerSeconds = (clock.Elapsed - updating).TotalSeconds,
        };
    }

    /// <inheritdoc />
    public void Dispose() => Optimizer.Dispose();
}

/// <summary>Loss or gradient became infinite or no number.</summary>
public sealed class DivergenceException : PeftException
{
    /// <summary>Names step and values and says what to do.</summary>
    public DivergenceException(int step, double loss, double gradNorm)
        : base($"Training diverged at step {step}: loss {loss}, gradient norm {gradNorm}. Lower learning_rate, add warm-up, or resume from an earlier checkpoint with other settings.")
    {
    }

    /// <summary>Exists for serializers; use the constructor with values.</summary>
    public DivergenceException()
    {
    }

    /// <summary>Exists for serializers; use the constructor with values.</summary>
    public DivergenceException(string message)
        : base(message)
    {
    }

    /// <summary>Exists for serializers; use the constructor with values.</summary>
    public DivergenceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
