namespace Peft.Core.Training;

/// <summary>
/// Schedules that take options of their own, as shares of the peak by optimizer step. Source: <c>transformers.optimization</c>.
/// </summary>
internal static class ScheduleShapes
{
    /// <summary>Cosine that starts anew at the peak.</summary>
    public static Func<int, double> Restarts(int warmup, int total, double cycles) => step =>
    {
        if (step < warmup)
            return Rise(step, warmup);
        var progress = Progress(step, warmup, total);
        return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
    };

    /// <summary>Falls to a rate with a power of what is left.</summary>
    /// <exception cref="PeftException">The end lies above the peak, or no steps are left to fall.</exception>
    public static Func<int, double> Polynomial(int warmup, int total, double peak, double end, double power)
    {
        if (end >= peak)
            throw new PeftException($"polynomial ends at lr_end {end}, which is not below the learning rate {peak}; choose a smaller lr_end.");
        if (total <= warmup)
            throw new PeftException($"polynomial has no steps to fall: warm-up takes {warmup} of {total}; shorten the warm-up.");
        return step =>
        {
            if (step < warmup)
                return Rise(step, warmup);
            if (step > total)
                return end / peak;
            var left = 1 - ((double)(step - warmup) / (total - warmup));
            return (((peak - end) * Math.Pow(left, power)) + end) / peak;
        };
    }

    /// <summary>
    /// Falls with the root of the steps. <c>get_scheduler</c> hands this schedule the warm-up alone and drops a <c>timescale</c>, so there is none here.
    /// </summary>
    public static Func<int, double> InverseRoot(int warmup)
    {
        var scale = warmup == 0 ? 10_000 : warmup;
        return step => step < warmup ? Rise(step, warmup) : 1 / Math.Sqrt((double)(step + scale - warmup) / scale);
    }

    /// <summary>Cosine that ends above 0.</summary>
    public static Func<int, double> CosineAbove(int warmup, int total, double cycles, double floor) => step => step < warmup
        ? Rise(step, warmup)
        : Math.Max(0, (HalfWave(cycles, Progress(step, warmup, total)) * (1 - floor)) + floor);

    /// <summary>The same counted from 1, so that the first update of a warm-up has a rate above 0.</summary>
    public static Func<int, double> CosineFromFirst(int warmup, int total, double cycles, double floor, double? start) => step =>
    {
        if (step < warmup)
            return start is { } share ? share + ((1 - share) * step / Math.Max(1, warmup - 1)) : (step + 1.0) / Math.Max(1, warmup);
        var progress = (step - warmup + 1.0) / Math.Max(1, total - warmup);
        return Math.Max(0, (HalfWave(cycles, progress) * (1 - floor)) + floor);
    };

    /// <summary>Rises, stays and falls.</summary>
    /// <exception cref="PeftException">Without steps of decay, or with a shape nobody knows.</exception>
    public static Func<int, double> StableDecay(int warmup, int total, ScheduleOptions options)
    {
        var decay = options.NumDecaySteps ?? throw new PeftException("warmup_stable_decay needs num_decay_steps, the steps of falling rate.");
        var stable = options.NumStableSteps ?? total - warmup - decay;
        var (floor, cycles) = (options.MinLrRatio ?? 0, options.NumCycles ?? 0.5);
        var rise = Shape(options.WarmupType ?? "linear", cycles, rising: true);
        var fall = Shape(options.DecayType ?? "cosine", cycles, rising: false);
        return step =>
        {
            if (step < warmup)
                return Math.Max(0, (rise((double)step / Math.Max(1, warmup)) * (1 - floor)) + floor);
            if (step < warmup + stable)
                return 1;
            return step < warmup + stable + decay
                ? Math.Max(0, (fall((double)(step - warmup - stable) / Math.Max(1, decay)) * (1 - floor)) + floor)
                : floor;
        };
    }

    private static Func<double, double> Shape(string name, double cycles, bool rising) => (name, rising) switch
    {
        ("linear", true) => progress => progress,
        ("linear", false) => progress => 1 - progress,
        ("cosine", true) => progress => 0.5 * (1 - Math.Cos(Math.PI * cycles * 2 * progress)),
        ("cosine", false) => progress => HalfWave(cycles, progress),
        ("1-sqrt", true) => progress => 1 - Math.Sqrt(1 - progress),
        ("1-sqrt", false) => progress => 1 - Math.Sqrt(progress),
        _ => throw new PeftException($"'{name}' is no shape of warmup_stable_decay; known are linear, cosine, 1-sqrt."),
    };

    private static double Rise(int step, int warmup) => (double)step / Math.Max(1, warmup);

    private static double Progress(int step, int warmup, int total) => (double)(step - warmup) / Math.Max(1, total - warmup);

    private static double HalfWave(double cycles, double progress) => 0.5 * (1 + Math.Cos(Math.PI * cycles * 2 * progress));
}
