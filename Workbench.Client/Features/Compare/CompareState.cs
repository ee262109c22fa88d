using System.Globalization;
using Workbench.Client.Features.Charts;

namespace Workbench.Client.Features.Compare;

/// <summary>Which losses the chart overlays.</summary>
public enum CompareCurves
{
    Both,
    Train,
    Eval,
}

/// <summary>Everything a link to a comparison carries.</summary>
public sealed record CompareState
{
    public const double DefaultSmoothing = 0.6;

    public IReadOnlyList<string> Runs { get; init; } = [];

    public ChartAxis Axis { get; init; }

    public double Smoothing { get; init; } = DefaultSmoothing;

    public bool Log { get; init; }

    public ChartFit Fit { get; init; }

    public CompareCurves Curves { get; init; }

    public bool DifferencesOnly { get; init; }

    public string CostAxis { get; init; } = ResultRows.TrainableParams;

    public string QualityAxis { get; init; } = ResultRows.F1;

    public ChartRange? Range { get; init; }

    public static CompareState Parse(string query)
    {
        var values = query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(part => part.Split('=', 2))
            .GroupBy(part => part[0])
            .ToDictionary(group => group.Key, group => Uri.UnescapeDataString(group.Last().ElementAtOrDefault(1) ?? "").Replace('+', ' '));
        string? Read(string name) => values.TryGetValue(name, out var value) ? value : null;
        var from = Number(Read("from"));
        var to = Number(Read("to"));
        return new()
        {
            Runs = [.. (Read("runs") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Distinct()],
            Axis = Read("x") switch { "tokens" => ChartAxis.Tokens, "time" => ChartAxis.Time, _ => ChartAxis.Step },
            Smoothing = Math.Clamp(Number(Read("smooth")) ?? DefaultSmoothing, 0, 0.99),
            Log = Read("log") == "1",
            Fit = Read("fit") == "bulk" ? ChartFit.Bulk : ChartFit.All,
            Curves = Read("curves") switch { "train" => CompareCurves.Train, "eval" => CompareCurves.Eval, _ => CompareCurves.Both },
            DifferencesOnly = Read("diff") == "1",
            CostAxis = ResultRows.IsCost(Read("cost")) ? Read("cost")! : ResultRows.TrainableParams,
            QualityAxis = ResultRows.IsQuality(Read("quality")) ? Read("quality")! : ResultRows.F1,
            Range = from is { } start && to is { } end && end > start ? new(start, end) : null,
        };
    }

    /// <summary>The query string; what is as by default is left out, so that links stay short.</summary>
    public string ToQuery()
    {
        var parts = new List<string>();
        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
                parts.Add($"{name}={value}");
        }

        Add("runs", string.Join(',', Runs.Select(Uri.EscapeDataString)));
        Add("x", Axis switch { ChartAxis.Tokens => "tokens", ChartAxis.Time => "time", _ => null });
        Add("smooth", Smoothing.Equals(DefaultSmoothing) ? null : Smoothing.ToString("0.##", CultureInfo.InvariantCulture));
        Add("log", Log ? "1" : null);
        Add("fit", Fit == ChartFit.Bulk ? "bulk" : null);
        Add("curves", Curves switch { CompareCurves.Train => "train", CompareCurves.Eval => "eval", _ => null });
        Add("diff", DifferencesOnly ? "1" : null);
        Add("cost", CostAxis == ResultRows.TrainableParams ? null : CostAxis);
        Add("quality", QualityAxis == ResultRows.F1 ? null : QualityAxis);
        Add("from", Range?.From.ToString("R", CultureInfo.InvariantCulture));
        Add("to", Range?.To.ToString("R", CultureInfo.InvariantCulture));
        return parts.Count > 0 ? "?" + string.Join('&', parts) : "";
    }

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;
}
