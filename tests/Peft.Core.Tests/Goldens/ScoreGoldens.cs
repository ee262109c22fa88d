using System.Text.Json.Nodes;
using Peft.Core.Evaluation;

namespace Peft.Core.Tests.Goldens;

/// <summary>Rows of classification, tagging and answer scores. The reference gives 0 where a ratio is undefined; ours says undefined, which is compared as 0 here.</summary>
internal static class ScoreGoldens
{
    public static void CheckClassification(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var score = ClassificationScorer.Score(Ints(row["y_true"]!), Ints(row["y_pred"]!));
        var result = row["result"]!;
        report.Close(result["accuracy"]!.GetValue<double>(), score.Accuracy, tolerance, what + " accuracy");
        report.Close(result["balanced_accuracy"]!.GetValue<double>(), score.BalancedAccuracy, tolerance, what + " balanced accuracy");
        report.Close(result["mcc"]!.GetValue<double>(), score.MatthewsCorrelation ?? 0, tolerance, what + " mcc");
        var kappa = result["cohen_kappa"]!.AsValue();
        if (kappa.TryGetValue<double>(out var number))
            report.Close(number, score.CohenKappa ?? double.NaN, tolerance, what + " kappa");
        else
            report.Check(score.CohenKappa is null, $"{what}: kappa is {score.CohenKappa} instead of undefined");
        CheckScores(result["macro"]!, score.Macro, tolerance, what + " macro", report);
        CheckScores(result["micro"]!, score.Micro, tolerance, what + " micro", report);
        CheckScores(result["weighted"]!, score.Weighted, tolerance, what + " weighted", report);
        var classes = result["per_class"]!.AsArray();
        report.Check(Ints(result["labels"]!).SequenceEqual(score.Classes.Select(one => one.Label)), what + ": other classes");
        foreach (var (expected, one) in classes.Zip(score.Classes))
        {
            report.Check((int)expected!["support"]! == one.Support, $"{what}: support of class {one.Label} is {one.Support}");
            CheckScores(expected, one.Scores, tolerance, $"{what} class {one.Label}", report);
        }

        foreach (var (expected, line) in result["confusion"]!.AsArray().Zip(score.Confusion))
            report.Check(Ints(expected!).SequenceEqual(line), what + ": confusion " + string.Join(",", line));
        if (result["binary"] is { } binary)
            CheckScores(binary, score.Class(1), tolerance, what + " binary", report);
    }

    public static void CheckEntities(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var (wanted, predicted) = (Tags(row["y_true"]!), Tags(row["y_pred"]!));
        report.Check(SameEntities(row["entities_true"]!, wanted), what + ": other entities wanted");
        report.Check(SameEntities(row["entities_pred"]!, predicted), what + ": other entities predicted");
        foreach (var (field, strict) in new[] { ("default", false), ("strict_IOB2", true) })
        {
            var score = EntityScorer.Score(wanted, predicted, strict);
            var result = row[field]!;
            CheckScores(result, score.Micro, tolerance, $"{what} {field}", report);
            report.Close(Number(result["macro_f1"]!), score.Macro.F1 ?? 0, tolerance, $"{what} {field} macro F1");
            report.Close(Number(result["weighted_f1"]!), score.Weighted.F1 ?? 0, tolerance, $"{what} {field} weighted F1");
            report.Close(Number(result["token_accuracy"]!), score.TokenAccuracy ?? 0, tolerance, $"{what} {field} token accuracy");
            var table = result["report"]!.AsObject();
            report.Check(table.Count == score.Types.Count + 3, $"{what} {field}: {score.Types.Count} types");
            foreach (var type in score.Types)
                CheckLine(table[type.Type], type.Scores, tolerance, $"{what} {field} {type.Type}", report);
            CheckLine(table["micro avg"], score.Micro, tolerance, $"{what} {field} micro", report);
            CheckLine(table["macro avg"], score.Macro, tolerance, $"{what} {field} macro", report);
            CheckLine(table["weighted avg"], score.Weighted, tolerance, $"{what} {field} weighted", report);
        }
    }

    public static void CheckAnswers(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var prediction = row["prediction"]!.GetValue<string>();
        var answers = row["answers"]!.AsArray().Select(answer => answer!.GetValue<string>()).ToArray();
        var squad = row["metric"]!.GetValue<string>() == "squad";
        var score = squad ? AnswerScorer.Score(prediction, answers) : AnswerScorer.ScoreChinese(prediction, answers);
        report.Close(row["result"]!["em"]!.GetValue<double>(), score.ExactMatch, tolerance, $"{what} '{prediction}' exact match");
        report.Close(row["result"]!["f1"]!.GetValue<double>(), score.F1, tolerance, $"{what} '{prediction}' F1");
        if (squad)
            report.Check(row["normalized_prediction"]!.GetValue<string>() == AnswerScorer.Normalize(prediction), $"{what}: '{AnswerScorer.Normalize(prediction)}'");
        else
            report.Check(
                row["segments"]!.AsArray().Select(piece => piece!.GetValue<string>()).SequenceEqual(AnswerScorer.Segments(prediction)),
                $"{what}: segments {string.Join('|', AnswerScorer.Segments(prediction))}");
    }

    private static void CheckScores(JsonNode expected, PrecisionRecall scores, double tolerance, string what, GoldenReport report)
    {
        report.Close(expected["p"]!.GetValue<double>(), scores.Precision ?? 0, tolerance, what + " precision");
        report.Close(expected["r"]!.GetValue<double>(), scores.Recall ?? 0, tolerance, what + " recall");
        report.Close(expected["f1"]!.GetValue<double>(), scores.F1 ?? 0, tolerance, what + " F1");
    }

    private static void CheckLine(JsonNode? expected, PrecisionRecall scores, double tolerance, string what, GoldenReport report)
    {
        report.Check(expected is not null, what + ": not in the report");
        if (expected is null)
            return;
        report.Close(Number(expected["precision"]!), scores.Precision ?? 0, tolerance, what + " precision");
        report.Close(Number(expected["recall"]!), scores.Recall ?? 0, tolerance, what + " recall");
        report.Close(Number(expected["f1-score"]!), scores.F1 ?? 0, tolerance, what + " F1");
    }

    /// <summary>A recorded number; nan, the mean over no types, is compared as 0 like every undefined score.</summary>
    private static double Number(JsonNode node) => node.AsValue().TryGetValue<double>(out var number) ? number : 0;

    private static bool SameEntities(JsonNode expected, string[][] sentences) => expected.AsArray().Zip(sentences).All(pair =>
        pair.First!.AsArray().Select(entity => new TaggedEntity(entity![0]!.GetValue<string>(), (int)entity[1]!, (int)entity[2]!)).SequenceEqual(EntityScorer.Entities(pair.Second)));

    private static string[][] Tags(JsonNode sentences) => [.. sentences.AsArray().Select(tags => tags!.AsArray().Select(tag => tag!.GetValue<string>()).ToArray())];

    private static int[] Ints(JsonNode list) => [.. list.AsArray().Select(value => value!.GetValue<int>())];
}
