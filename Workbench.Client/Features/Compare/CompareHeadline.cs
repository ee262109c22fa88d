using System.Globalization;
using Microsoft.Extensions.Localization;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Features.Compare;

/// <summary>What follows from the compared runs, and what does not.</summary>
public sealed class CompareHeadline(IStringLocalizer<CompareText> text, MethodNames methods, ScoreTexts scores)
{
    public string Write(IReadOnlyList<RunSummary> runs)
    {
        if (runs.Count < 2)
            return text["headlineChoose"];
        var sides = Sides(runs);
        var sentences = new List<string>();
        if (sides.Count >= 2)
            Lead(sentences, sides);
        else if (runs.Count(run => run.Result?.DevLoss is not null || run.EvalLoss is not null) >= 2)
            sentences.Add(LossOnly(runs));
        else
            sentences.Add(text["headlineNothingYet"]);
        Caveats(sentences, runs, sides.Count >= 2);
        return string.Join(text["sentenceGap"], sentences);
    }

    private void Lead(List<string> sentences, IReadOnlyList<Side> sides)
    {
        var first = sides[0];
        var second = sides[1];
        var gap = first.F1 - second.F1;
        var score = first.F1.ToString("0.00", CultureInfo.CurrentCulture);
        if (gap < 0.005)
        {
            sentences.Add(text["headlineTie", first.Name, second.Name, score, first.Metric]);
        }
        else
        {
            sentences.Add(text["headlineAhead", first.Name, second.Name, gap.ToString("0.00", CultureInfo.CurrentCulture), score, first.Metric]);
            if (first.Low is not null && second.High is not null)
                sentences.Add(text[(first.Low > second.High, first.Seeds > 1 && second.Seeds > 1) switch
                {
                    (true, true) => "headlineSeedsApart",
                    (false, true) => "headlineSeedsOverlap",
                    (true, false) => "headlineIntervalsApart",
                    _ => "headlineIntervalsOverlap",
                }]);
        }

        if (first.Params is > 0 && second.Params is > 0 && first.Params != second.Params)
            sentences.Add(text["headlineParams", first.Name, Times((double)first.Params.Value / second.Params.Value), second.Name]);
    }

    private string LossOnly(IReadOnlyList<RunSummary> runs)
    {
        var best = runs.Where(run => Loss(run) is not null).MinBy(Loss)!;
        return text["headlineLossOnly", Name(best, runs), Numbers.Loss(Loss(best))];
    }

    private void Caveats(List<string> sentences, IReadOnlyList<RunSummary> runs, bool scored)
    {
        var open = runs.Count(run => !RunActions.IsOver(run.State));
        if (open > 0)
            sentences.Add(text["caveatOpen", open]);
        var cut = runs.Count(run => run.State is RunState.Stopped or RunState.Failed);
        if (cut > 0)
            sentences.Add(text["caveatStopped", cut]);
        if (runs.Select(run => run.DatasetId).Distinct().Count() > 1)
            sentences.Add(text["caveatDatasets"]);
        if (runs.Select(run => run.ModelId).Distinct().Count() > 1)
            sentences.Add(text["caveatModels"]);
        if (scored && runs.Where(run => run.Result?.TestRecords is not null).Select(run => run.Result!.TestRecords).Distinct().Count() > 1)
            sentences.Add(text["caveatTestRecords"]);
        if (scored && runs.GroupBy(run => run.PeftType).All(group => group.Count() == 1))
            sentences.Add(text["caveatOneSeed"]);
    }

    private List<Side> Sides(IReadOnlyList<RunSummary> runs)
    {
        var scored = runs.Where(run => run.Result?.Score is not null).ToArray();
        // Scores of different tasks cannot be compared, and an error is better when it is lower: neither is called a lead.
        if (scored.Select(run => run.Result!.PrimaryMetric).Distinct().Count() != 1 || scored[0].Result!.PrimaryMetric is ScoreNames.Error or ScoreNames.Perplexity)
            return [];
        var metric = scores.Of(scored[0].Result!.PrimaryMetric);
        // Several runs of one method in one comparison are its seeds; otherwise every run stands for itself.
        var seeds = scored.GroupBy(run => (run.ComparisonId, run.PeftType)).Where(group => group.Key.ComparisonId is not null && group.Count() > 1)
            .ToDictionary(group => group.Key, group => group.ToArray());
        var sides = seeds.Select(group => Side.OfSeeds(methods.Of(group.Key.PeftType), metric, group.Value)).ToList();
        sides.AddRange(scored.Where(run => !seeds.ContainsKey((run.ComparisonId, run.PeftType))).Select(run => Side.OfRun(Name(run, runs), metric, run)));
        return [.. sides.OrderByDescending(side => side.F1)];
    }

    private string Name(RunSummary run, IReadOnlyList<RunSummary> runs) =>
        runs.Count(other => other.PeftType == run.PeftType) == 1 || run.Name.Length == 0 ? methods.Of(run.PeftType) : run.Name;

    private static double? Loss(RunSummary run) => run.Result?.DevLoss ?? run.EvalLoss;

    private static string Times(double ratio) =>
        ratio >= 1 ? ratio.ToString(ratio >= 10 ? "0" : "0.0", CultureInfo.CurrentCulture) : ratio.ToString(ratio < 0.1 ? "0.000" : "0.00", CultureInfo.CurrentCulture);

    private sealed record Side(string Name, string Metric, double F1, double? Low, double? High, long? Params, int Seeds)
    {
        public static Side OfRun(string name, string metric, RunSummary run) =>
            new(name, metric, run.Result!.Score!.Value, run.Result.F1Low, run.Result.F1High, run.Result.TrainableParams, 1);

        public static Side OfSeeds(string name, string metric, RunSummary[] runs)
        {
            var scores = runs.Select(run => run.Result!.Score!.Value).ToArray();
            return new(name, metric, scores.Average(), scores.Min(), scores.Max(), runs[0].Result!.TrainableParams, runs.Length);
        }
    }
}
