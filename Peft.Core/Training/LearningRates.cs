namespace Peft.Core.Training;

/// <summary>
/// The rate of every step of a run: a schedule by step, or one that looks at evaluations, or whatever a search for a good rate tries.
/// </summary>
public sealed class LearningRates
{
    private readonly Func<int, double> byStep;
    private readonly PlateauSchedule? plateau;

    private LearningRates(Func<int, double> byStep, PlateauSchedule? plateau = null)
    {
        this.byStep = byStep;
        this.plateau = plateau;
    }

    /// <summary>What the schedule that looks at evaluations has seen, for checkpoints; null for the others.</summary>
    public PlateauState? State
    {
        get => plateau?.State;
        set
        {
            if (plateau is not null && value is not null)
                plateau.State = value;
        }
    }

    /// <summary>Those that checked arguments describe.</summary>
    /// <exception cref="PeftException">Options of the schedule that do not fit its steps.</exception>
    public static LearningRates Of(TrainingArguments arguments, int totalSteps)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        if (arguments.LrSchedulerType == ScheduleOptionsReader.Plateau)
        {
            var plateau = new PlateauSchedule(arguments.LearningRate, ScheduleOptionsReader.PlateauOf(arguments.LrSchedulerKwargs));
            return new LearningRates(_ => plateau.Rate, plateau);
        }

        var schedule = LearningRateSchedule.Create(
            arguments.LrSchedulerType,
            arguments.LearningRate,
            LearningRateSchedule.WarmupSteps(totalSteps, arguments.WarmupSteps, arguments.WarmupRatio),
            totalSteps,
            arguments.LrMinRatio,
            ScheduleOptionsReader.Of(arguments.LrSchedulerKwargs));
        return new LearningRates(schedule.At);
    }

    /// <summary>Any rates by step.</summary>
    public static LearningRates Of(Func<int, double> rates) => new(rates);

    /// <summary>The rate used by the update after <paramref name="step"/> updates.</summary>
    public double At(int step) => byStep(step);

    /// <summary>An evaluation gave this value of the metric that runs are judged by.</summary>
    public void Evaluated(double metric) => plateau?.Evaluated(metric);
}
