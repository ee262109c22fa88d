namespace Workbench.Client.Features.Charts;

/// <summary>What a chart counts along its horizontal axis.</summary>
public enum ChartAxis
{
    Step,
    Tokens,
    Time,
}

/// <summary>How the vertical axis is chosen: so that everything fits, or so that the bulk is readable and the rest is marked at the edge.</summary>
public enum ChartFit
{
    All,
    Bulk,
}

/// <summary>Names under which the server keeps the columns of a run.</summary>
public static class ChartMetric
{
    public const string Loss = "loss";
    public const string EvalLoss = "eval_loss";
    public const string Score = "eval_score";
    public const string LearningRate = "learning_rate";
    public const string GradNorm = "grad_norm";
    public const string TokensPerSecond = "tokens_per_second";
    public const string Memory = "rss";
}

/// <summary>One curve. <c>Color</c> indexes the palette of runs; negative is the neutral grey of references.</summary>
public sealed record ChartLine(string Run, string Metric, string Label, int Color, int Dash, bool Points = false, bool Smooth = true)
{
    public string Key => KeyOf(Run, Metric);

    public static string KeyOf(string run, string metric) => $"{run}/{metric}";
}

/// <summary>A sign at a place of the horizontal axis: <c>checkpoint</c>, <c>best</c> or <c>alert</c>.</summary>
public sealed record ChartMark(double X, string Kind, string Text);

/// <summary>New points of one curve, in order.</summary>
public sealed record ChartPoints(string Key, double[] X, double[] Y);

/// <summary>The part of the horizontal axis that is in view; null shows everything.</summary>
public sealed record ChartRange(double From, double To);

/// <summary>What a screen reader hears about a curve.</summary>
public sealed record ChartSummary(string Key, string Label, int Points, double? First, double? Last, double? Min, double? Max, double? LastX);

/// <summary>A row of the chart as a table.</summary>
public sealed record ChartRow(double X, IReadOnlyList<double?> Values);
