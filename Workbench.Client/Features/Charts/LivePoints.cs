using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Charts;

/// <summary>Turns the events of a live batch into points of the curves they belong to.</summary>
public static class LivePoints
{
    private static readonly string[] s_stepMetrics =
        [ChartMetric.Loss, ChartMetric.LearningRate, ChartMetric.GradNorm, ChartMetric.TokensPerSecond, ChartMetric.Memory];

    /// <summary>Points by curve, in the order of the events. Events of other kinds carry none.</summary>
    public static IReadOnlyList<ChartPoints> Read(string runId, IReadOnlyList<JsonElement> events, ChartAxis axis)
    {
        var columns = new Dictionary<string, (List<double> X, List<double> Y)>();
        foreach (var item in events)
        {
            switch (Kind(item))
            {
                case "step" when Place(item, axis, "seconds") is { } x:
                    foreach (var metric in s_stepMetrics)
                        Add(columns, metric, x, Number(item, metric));
                    break;
                case "eval" when Place(item, axis, "train_seconds") is { } x:
                    Add(columns, ChartMetric.EvalLoss, x, Number(item, "loss"));
                    Add(columns, ChartMetric.Score, x, Score(item)?.Value);
                    break;
            }
        }

        return [.. columns.Select(column => new ChartPoints(ChartLine.KeyOf(runId, column.Key), [.. column.Value.X], [.. column.Value.Y]))];
    }

    /// <summary>A resumed run replaces its last points: what was drawn is no longer true.</summary>
    public static bool Supersedes(IReadOnlyList<JsonElement> events) => events.Any(item => Kind(item) == "resumed");

    public static string Kind(JsonElement item) => item.TryGetProperty("kind", out var kind) ? kind.GetString() ?? "" : "";

    /// <summary>A number of an event; not-a-number and infinity are written as words.</summary>
    public static double? Number(JsonElement item, string name)
    {
        if (!item.TryGetProperty(name, out var value))
            return null;
        return value.ValueKind switch
        {
            JsonValueKind.Number => value.GetDouble(),
            JsonValueKind.String when value.GetString() is "NaN" => double.NaN,
            JsonValueKind.String when value.GetString() is "Infinity" => double.PositiveInfinity,
            JsonValueKind.String when value.GetString() is "-Infinity" => double.NegativeInfinity,
            _ => null,
        };
    }

    /// <summary>The task's score of an evaluation, by the name that runs are compared by; null where only the loss was measured.</summary>
    public static (string Metric, double Value)? Score(JsonElement item)
    {
        if (!item.TryGetProperty("metrics", out var metrics) || metrics.ValueKind != JsonValueKind.Object)
            return null;
        var known = metrics.EnumerateObject().Where(metric => metric.Value.ValueKind == JsonValueKind.Number).ToDictionary(metric => metric.Name, metric => metric.Value.GetDouble());
        return ScoreNames.Primary(known.Keys) is { } name ? (name, known[name]) : null;
    }

    private static double? Place(JsonElement item, ChartAxis axis, string seconds) => axis switch
    {
        ChartAxis.Tokens => Number(item, "tokens"),
        ChartAxis.Time => Number(item, seconds),
        _ => Number(item, "step"),
    };

    private static void Add(Dictionary<string, (List<double> X, List<double> Y)> columns, string metric, double x, double? y)
    {
        // JSON has no word for not-a-number on the way to the script; a curve breaks there anyway.
        if (y is not { } value || !double.IsFinite(value))
            return;
        if (!columns.TryGetValue(metric, out var column))
            columns[metric] = column = ([], []);
        column.X.Add(x);
        column.Y.Add(value);
    }
}
