using System.Globalization;

namespace Peft.Core.Training.Health;

/// <summary>
/// Rules that look at every step and evaluation of a run and say in plain words when something looks wrong. Each rule speaks once until
/// what it saw has gone again.
/// </summary>
public sealed class HealthWatch
{
    private const int Patience = 10;
    private const int ZeroPatience = 3;
    private const double Nothing = 1e-8;
    private const double VanishedNorm = 1e-7;
    private const double ExplodedNorm = 100;
    private const int NormWindow = 50;
    private const double FlatShare = 0.01;
    private const int FlatSteps = 60;
    private const double SlowShare = 0.3;
    private const int SpeedWindow = 100;

    private readonly TrainingArguments arguments;
    private readonly int warmupSteps;
    private readonly int totalSteps;
    private readonly Median norms = new(NormWindow);
    private readonly Median speeds = new(SpeedWindow);
    private readonly Streak zero = new(ZeroPatience);
    private readonly Streak rising = new(Patience);
    private readonly Streak exploded = new(3);
    private readonly Streak vanished = new(Patience);
    private readonly Streak slow = new(2 * Patience);
    private double smooth = double.NaN;
    private double bestLoss = double.PositiveInfinity;
    private (int Step, double Loss, double Low)? flatFrom;
    private bool flatSaid;
    private double? lastEvalLoss;
    private int risingEvaluations;
    private int risingSince;

    /// <summary>Rules for a run before its first step.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="totalSteps">Its steps.</param>
    public HealthWatch(TrainingArguments arguments, int totalSteps)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        this.arguments = arguments;
        this.totalSteps = totalSteps;
        warmupSteps = LearningRateSchedule.WarmupSteps(totalSteps, arguments.WarmupSteps, arguments.WarmupRatio);
    }

    /// <summary>What a step shows.</summary>
    public IReadOnlyList<HealthFinding> Step(StepReport step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var found = new List<HealthFinding>();
        void Say(HealthFinding? finding)
        {
            if (finding is not null)
                found.Add(finding);
        }

        smooth = double.IsNaN(smooth) ? step.Loss : (0.8 * smooth) + (0.2 * step.Loss);
        bestLoss = Math.Min(bestLoss, smooth);
        Say(Zero(step));
        Say(Rising(step));
        Say(Exploded(step));
        Say(Vanished(step));
        Say(Flat(step));
        Say(Slow(step));
        return found;
    }

    /// <summary>What an evaluation shows.</summary>
    public HealthFinding? Evaluation(int step, double loss)
    {
        if (lastEvalLoss is { } before && loss > before)
        {
            risingSince = risingEvaluations == 0 ? step : risingSince;
            risingEvaluations++;
        }
        else
        {
            risingEvaluations = 0;
        }

        lastEvalLoss = loss;
        return risingEvaluations == arguments.HealthEvalPatience
            ? new HealthFinding(
                "eval_rising",
                Text($"The dev loss has risen {risingEvaluations} evaluations in a row (now {loss:F3}): the model learns the training records by heart. Stop here, or start again with load_best_model_at_end, fewer steps, or more data."),
                risingSince,
                IsLost: true)
            : null;
    }

    /// <summary>What the records show before the first step.</summary>
    /// <param name="cut">Records that lost tokens to the length limit.</param>
    /// <param name="dropped">Records left out.</param>
    /// <param name="records">Records there were.</param>
    public HealthFinding? Records(int cut, int dropped, int records)
    {
        var share = records == 0 ? 0 : (double)(cut + dropped) / records;
        return share > arguments.HealthCutShare
            ? new HealthFinding(
                "records_cut_many",
                Text($"{100 * share:F0} % of the training records are longer than max_length {arguments.MaxLength}: {cut} were cut, {dropped} left out. Raise max_length, or shorten the inputs."),
                0,
                IsLost: false)
            : null;
    }

    private HealthFinding? Zero(StepReport step) => zero.Reached(Math.Abs(step.Loss) < Nothing, step.Step)
        ? new HealthFinding("loss_zero", Text($"The loss has been 0 for {ZeroPatience} steps: there is nothing to learn, or the labels are what the model sees. Look at the records in the token view."), zero.Since, IsLost: true)
        : null;

    private HealthFinding? Rising(StepReport step) => rising.Reached(smooth > 2 * bestLoss && smooth > 1, step.Step)
        ? new HealthFinding("loss_rising", Text($"The loss has been more than twice its best for {Patience} steps (now {step.Loss:F3}). Training may be diverging: try a lower learning_rate."), rising.Since, IsLost: true)
        : null;

    private HealthFinding? Exploded(StepReport step)
    {
        var usual = norms.Value;
        var now = norms.Count >= 10 && step.GradNorm > ExplodedNorm * usual && step.GradNorm > 1;
        if (!now)
            norms.Add(step.GradNorm);
        return exploded.Reached(now, step.Step)
            ? new HealthFinding("gradient_exploding", Text($"The gradient is more than {ExplodedNorm:F0} times as long as usual (norm {step.GradNorm:G3} instead of {usual:G3}). Lower learning_rate, add warm-up, or clip with max_grad_norm 1."), exploded.Since, IsLost: true)
            : null;
    }

    private HealthFinding? Vanished(StepReport step) => vanished.Reached(step.GradNorm < VanishedNorm && step.Loss > 0.01, step.Step)
        ? new HealthFinding("gradient_vanishing", Text($"The gradient has been practically 0 for {Patience} steps (norm {step.GradNorm:G3}) while the loss is {step.Loss:F3}: nothing is learnt. Choose other target modules or another method, or raise learning_rate."), vanished.Since, IsLost: true)
        : null;

    /// <summary>Behind the warm-up the loss has to move; near the end of a run it may rest.</summary>
    private HealthFinding? Flat(StepReport step)
    {
        if (flatSaid || step.Step <= warmupSteps || step.Step > totalSteps / 2 || smooth < 0.05)
            return null;
        if (flatFrom is not { } start)
        {
            flatFrom = (step.Step, smooth, smooth);
            return null;
        }

        flatFrom = start with { Low = Math.Min(start.Low, smooth) };
        if (flatFrom.Value.Low < start.Loss * (1 - FlatShare))
        {
            // It moves: look at the next stretch.
            flatFrom = (step.Step, smooth, smooth);
            return null;
        }

        if (step.Step - start.Step < FlatSteps)
            return null;
        flatSaid = true;
        return new HealthFinding("loss_flat", Text($"The loss has hardly moved for {FlatSteps} steps ({start.Loss:F3} to {smooth:F3}). Raise learning_rate (the learning-rate finder suggests one), train more layers, or check that base and data fit together."), start.Step, IsLost: false);
    }

    private HealthFinding? Slow(StepReport step)
    {
        var speed = step.Tokens / Math.Max(step.Seconds, 1e-9);
        var usual = speeds.Value;
        var now = speeds.Count >= 20 && speed < SlowShare * usual;
        if (!now)
            speeds.Add(speed);
        return slow.Reached(now, step.Step)
            ? new HealthFinding("throughput_collapse", Text($"Training has slowed down to {speed:F0} tokens/s from {usual:F0}: another program takes the processor, or memory is being swapped to disk. Close other programs, or lower per_device_train_batch_size or max_length."), slow.Since, IsLost: false)
            : null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Something that has to hold several steps in a row, and is said once until it has gone.</summary>
    private sealed class Streak(int patience)
    {
        private int length;

        public int Since { get; private set; }

        public bool Reached(bool holds, int step)
        {
            if (!holds)
            {
                length = 0;
                return false;
            }

            if (length++ == 0)
                Since = step;
            return length == patience;
        }
    }
}
