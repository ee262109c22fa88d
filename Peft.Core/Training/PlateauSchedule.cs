namespace Peft.Core.Training;

/// <summary>Options of <see cref="PlateauSchedule"/>, with torch's defaults.</summary>
/// <param name="Factor">The rate is multiplied by it.</param>
/// <param name="Patience">Bad evaluations that are borne.</param>
/// <param name="Threshold">What counts as better, see <paramref name="Relative"/>.</param>
/// <param name="Relative">Is the threshold a share of the best value? Otherwise a difference.</param>
/// <param name="Cooldown">Evaluations after a cut that are not counted.</param>
/// <param name="MinLr">The rate never falls below it.</param>
/// <param name="Epsilon">Smaller cuts are not made.</param>
/// <param name="Larger">Is a larger metric better?</param>
public sealed record PlateauOptions(
    double Factor = 0.1, int Patience = 10, double Threshold = 1e-4, bool Relative = true, int Cooldown = 0, double MinLr = 0, double Epsilon = 1e-8, bool Larger = false);

/// <summary>What a <see cref="PlateauSchedule"/> has seen so far; a resumed run goes on with it.</summary>
/// <param name="Rate">The rate now.</param>
/// <param name="Best">Best metric so far; null before the first.</param>
/// <param name="Bad">Evaluations without progress in a row.</param>
/// <param name="Cooling">Evaluations that are not counted yet.</param>
public sealed record PlateauState(double Rate, double? Best, int Bad, int Cooling);

/// <summary>Cuts the learning rate when a metric stops getting better. Source: <c>torch.optim.lr_scheduler.ReduceLROnPlateau</c>.</summary>
public sealed class PlateauSchedule
{
    private readonly PlateauOptions options;
    private double best;
    private int bad;
    private int cooling;

    /// <summary>Starts at a rate.</summary>
    public PlateauSchedule(double rate, PlateauOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        Rate = rate;
        best = options.Larger ? double.NegativeInfinity : double.PositiveInfinity;
    }

    /// <summary>The rate to use until the next evaluation.</summary>
    public double Rate { get; private set; }

    /// <summary>What it has seen so far.</summary>
    public PlateauState State
    {
        get => new(Rate, double.IsFinite(best) ? best : null, bad, cooling);
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            (Rate, bad, cooling) = (value.Rate, value.Bad, value.Cooling);
            best = value.Best ?? (options.Larger ? double.NegativeInfinity : double.PositiveInfinity);
        }
    }

    /// <summary>Takes the metric of an evaluation and returns the rate from now on.</summary>
    public double Evaluated(double metric)
    {
        if (IsBetter(metric))
            (best, bad) = (metric, 0);
        else
            bad++;
        if (cooling > 0)
            (cooling, bad) = (cooling - 1, 0);
        if (bad <= options.Patience)
            return Rate;
        var cut = Math.Max(Rate * options.Factor, options.MinLr);
        if (Rate - cut > options.Epsilon)
            Rate = cut;
        (cooling, bad) = (options.Cooldown, 0);
        return Rate;
    }

    private bool IsBetter(double metric) => (options.Larger, options.Relative) switch
    {
        (false, true) => metric < best * (1 - options.Threshold),
        (false, false) => metric < best - options.Threshold,
        (true, true) => metric > best * (1 + options.Threshold),
        (true, false) => metric > best + options.Threshold,
    };
}
