namespace Peft.Core.Training;

/// <summary>
/// Learning rate by optimizer step with the formulas of <c>transformers.get_scheduler</c>. Step 0 is the first update; with warm-up its
/// rate is 0.
/// </summary>
public sealed class LearningRateSchedule
{
    private readonly Func<int, double> factor;

    private LearningRateSchedule(double peak, Func<int, double> factor)
    {
        Peak = peak;
        this.factor = factor;
    }

    /// <summary>Names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "linear", "cosine", "constant", "constant_with_warmup", "cosine_with_restarts", "polynomial", "inverse_sqrt", "cosine_with_min_lr",
        "cosine_warmup_with_min_lr", "warmup_stable_decay",
    ];

    /// <summary>Names that runs choose from: those, and the one that looks at evaluations.</summary>
    public static IReadOnlyList<string> TrainingNames { get; } = [.. Names, ScheduleOptionsReader.Plateau];

    /// <summary>The highest rate.</summary>
    public double Peak { get; }

    /// <summary>The rate used by the update after <paramref name="step"/> updates.</summary>
    public double At(int step) => Peak * factor(step);

    /// <summary>Makes a schedule.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="peak">Highest rate.</param>
    /// <param name="warmupSteps">Steps of rising rate.</param>
    /// <param name="totalSteps">Steps in all; past them a falling schedule stays at its end.</param>
    /// <param name="minRatio">Share of the peak at which linear and cosine end (0 in transformers).</param>
    /// <param name="options">Shape of the schedules that have one.</param>
    /// <exception cref="PeftException">Unknown name, or options that do not fit.</exception>
    public static LearningRateSchedule Create(string name, double peak, int warmupSteps, int totalSteps, double minRatio = 0, ScheduleOptions? options = null)
    {
        options ??= new ScheduleOptions();
        var cycles = options.NumCycles ?? 0.5;
        double Progress(int step) => (double)(step - warmupSteps) / Math.Max(1, totalSteps - warmupSteps);
        double WarmUp(int step) => (double)step / Math.Max(1, warmupSteps);
        double FloorShare() => options.MinLrRate ?? (options.MinLr is { } rate ? rate / peak : minRatio);
        double Floor(double value) => minRatio + ((1 - minRatio) * value);
        return name switch
        {
            "constant" => new(peak, _ => 1),
            "constant_with_warmup" => new(peak, k => k < warmupSteps ? WarmUp(k) : 1),
            "linear" => new(peak, k => k < warmupSteps
                ? WarmUp(k)
                : Floor(Math.Max(0, (double)(totalSteps - k) / Math.Max(1, totalSteps - warmupSteps)))),
            "cosine" => new(peak, k => k < warmupSteps
                ? WarmUp(k)
                : Floor(Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * cycles * 2 * Progress(k)))))),
            "cosine_with_restarts" => new(peak, ScheduleShapes.Restarts(warmupSteps, totalSteps, options.NumCycles ?? 1)),
            "polynomial" => new(peak, ScheduleShapes.Polynomial(warmupSteps, totalSteps, peak, options.LrEnd ?? 1e-7, options.Power ?? 1)),
            "inverse_sqrt" => new(peak, ScheduleShapes.InverseRoot(warmupSteps)),
            "cosine_with_min_lr" => new(peak, ScheduleShapes.CosineAbove(warmupSteps, totalSteps, cycles, FloorShare())),
            "cosine_warmup_with_min_lr" => new(peak, ScheduleShapes.CosineFromFirst(warmupSteps, totalSteps, cycles, FloorShare(), options.WarmupLrRate)),
            "warmup_stable_decay" => new(peak, ScheduleShapes.StableDecay(warmupSteps, totalSteps, options)),
            _ => throw new PeftException($"lr_scheduler_type '{name}' is not known; known are {string.Join(", ", Names)}."),
        };
    }

    /// <summary>Warm-up steps as the Trainer counts them: <c>warmup_steps</c> wins over the ratio, which is rounded up.</summary>
    public static int WarmupSteps(int totalSteps, int warmupSteps, double warmupRatio) =>
        warmupSteps > 0 ? warmupSteps : (int)Math.Ceiling(totalSteps * warmupRatio);
}
