using System.Diagnostics;
using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Models;
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
    private readonly LearningRateSchedule schedule;

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
        plan = new BatchPlan(
            examples.Lengths,
            arguments.PerDeviceTrainBatchSize,
            arguments.GradientAccumulationSteps,
            arguments.Seed,
            arguments.GroupByLength);
        TotalSteps = arguments.TotalSteps(plan.StepsPerEpoch);
        schedule = LearningRateSchedule.Create(
            arguments.LrSchedulerType,
            arguments.LearningRate,
            LearningRateSchedule.WarmupSteps(TotalSteps, arguments.WarmupSteps, arguments.WarmupRatio),
            TotalSteps,
            arguments.LrMinRatio);
        adapter.Plan(TotalSteps);
        Optimizer = new AdamW(adapter.Trainable, arguments.AdamW());
    }

    /// <summary>Optimizer steps in all.</summary>
    public int TotalSteps { get; }

    /// <summary>Optimizer steps made.</summary>
    public int Step { get; set; }

    /// <summary>The optimizer with its moments.</summary>
    public AdamW Optimizer { get; }

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
        foreach (var batch in batches)
        {
            using var micro = NewDisposeScope();
            var loss = batch.Loss(group);
            loss.backward();
            var detached = loss.detach();
            total = (total is null ? detached : total + detached).MoveToOuterDisposeScope();
        }

        // A method's own term counts once per step, and not in the loss that is reported: that one is compared between methods.
        adapter.Penalty()?.backward();
        var value = (double)total!.item<float>();
        var rate = schedule.At(Step);
        var norm = Optimizer.GradientNorm();
        if (!double.IsFinite(value) || !double.IsFinite(norm))
        {
            Optimizer.ZeroGrad();
            throw new DivergenceException(Step + 1, value, norm);
        }

        var factor = AdamW.ClipFactor(norm, arguments.MaxGradNorm);
        adapter.BeforeStep(factor);
        Optimizer.Step(rate, factor);
        Step++;
        var moved = adapter.AfterStep(Step);
        return new StepReport(Step, value, rate, norm, (double)Step / plan.StepsPerEpoch, batches.Sum(batch => batch.Tokens), clock.Elapsed.TotalSeconds)
        {
            Ranks = moved ? adapter.Ranks : null,
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
