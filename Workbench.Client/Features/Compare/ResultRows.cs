using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Features.Compare;

/// <summary>Is more better, or less?</summary>
public enum Better
{
    Higher,
    Lower,
}

/// <summary>One measured row of the comparison table.</summary>
public sealed record ResultRow(string Key, Better Better, bool IsCost, Func<RunSummary, double?> Value, Func<RunSummary, string> Show)
{
    /// <summary>Positions of the best value; none where fewer than two runs have one or all are equal.</summary>
    public IReadOnlySet<int> Best(IReadOnlyList<RunSummary> runs)
    {
        var values = runs.Select(Value).ToArray();
        var known = values.OfType<double>().ToArray();
        if (known.Length < 2 || known.Min().Equals(known.Max()))
            return new HashSet<int>();
        var best = Better == Better.Higher ? known.Max() : known.Min();
        return values.Select((value, index) => (value, index)).Where(pair => pair.value.Equals(best)).Select(pair => pair.index).ToHashSet();
    }
}

/// <summary>The measured rows, in the order of the table.</summary>
public static class ResultRows
{
    public const string F1 = "f1";
    public const string DevLoss = "devLoss";
    public const string TrainableParams = "trainableParams";

    public static IReadOnlyList<ResultRow> All { get; } =
    [
        new(F1, Better.Higher, false, run => run.Result?.F1 ?? run.Result?.Metrics.GetValueOrDefault(F1), run => WithInterval(run.Result)),
        Score("precision", run => run.Precision),
        Score("recall", run => run.Recall),
        Score("accuracy"),
        Score("macro_f1"),
        Score("micro_f1"),
        Score("exact_match"),
        Score("bleu"),
        Score("rouge_l"),
        Score("chrf"),
        Score(ScoreNames.Error, better: Better.Lower),
        Score(ScoreNames.Perplexity, better: Better.Lower),
        Score("pearson"),
        new(DevLoss, Better.Lower, false, run => run.Result?.DevLoss ?? run.EvalLoss, run => Numbers.Loss(run.Result?.DevLoss ?? run.EvalLoss)),
        new("parseFailures", Better.Lower, false, run => run.Result?.ParseFailureRate, run => Numbers.Percent(Math.Round(run.Result?.ParseFailureRate * 100 ?? double.NaN, 1) is var share && double.IsNaN(share) ? null : share)),
        new(TrainableParams, Better.Lower, true, run => run.Result?.TrainableParams, run => Numbers.Whole(run.Result?.TrainableParams)),
        new("trainableShare", Better.Lower, true, Share, run => Numbers.Share(run.Result?.TrainableParams, run.Result?.AllParams)),
        new("adapterBytes", Better.Lower, true, run => run.Result?.AdapterBytes, run => Numbers.Bytes(run.Result?.AdapterBytes)),
        new("peakMemory", Better.Lower, true, run => run.Result?.PeakMemory, run => Numbers.Bytes(run.Result?.PeakMemory)),
        new("trainSeconds", Better.Lower, true, run => run.Result?.TrainSeconds, run => Numbers.Duration(run.Result?.TrainSeconds)),
        new("evalSeconds", Better.Lower, true, run => run.Result?.EvalSeconds, run => Numbers.Duration(run.Result?.EvalSeconds)),
    ];

    /// <summary>Scores that only some tasks have: without a value in any run they take no row.</summary>
    public static IReadOnlyList<ResultRow> For(IReadOnlyList<RunSummary> runs) =>
        [.. All.Where(row => !s_optional.Contains(row.Key) || runs.Any(run => row.Value(run) is not null))];

    public static ResultRow Of(string key) => All.First(row => row.Key == key);

    public static bool IsCost(string? key) => All.Any(row => row.Key == key && row.IsCost);

    public static bool IsQuality(string? key) => All.Any(row => row.Key == key && !row.IsCost);

    /// <summary>Length of a cost bar in percent of the dearest run.</summary>
    public static double Bar(ResultRow row, RunSummary run, IReadOnlyList<RunSummary> runs)
    {
        var dearest = runs.Select(row.Value).OfType<double>().DefaultIfEmpty(0).Max();
        return dearest > 0 && row.Value(run) is { } value ? 100 * value / dearest : 0;
    }

    private static readonly HashSet<string> s_optional = ["precision", "recall", "accuracy", "macro_f1", "micro_f1", "exact_match", "bleu", "rouge_l", "chrf", ScoreNames.Error, ScoreNames.Perplexity, "pearson", "parseFailures", F1];

    private static ResultRow Score(string key, Func<RunResult, double?>? own = null, Better better = Better.Higher)
    {
        double? Value(RunSummary run) => run.Result is { } result ? own?.Invoke(result) ?? result.Metrics.GetValueOrDefault(key) : null;
        return new(key, better, false, Value, run => Numbers.Score(Value(run)));
    }

    private static double? Share(RunSummary run) =>
        run.Result is { TrainableParams: { } some, AllParams: > 0 } result ? 100.0 * some / result.AllParams.Value : null;

    private static string WithInterval(RunResult? result) =>
        result is { F1: { } f1, F1Low: { } low, F1High: { } high } ? $"{Numbers.Score(f1)} [{Numbers.Score(low)}, {Numbers.Score(high)}]" : Numbers.Score(result?.F1 ?? result?.Metrics.GetValueOrDefault(F1));
}
