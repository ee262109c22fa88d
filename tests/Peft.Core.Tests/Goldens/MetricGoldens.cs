using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Evaluation;

namespace Peft.Core.Tests.Goldens;

/// <summary>Scores against recorded values. The reference gives 0 where a ratio is undefined; ours says undefined, which is compared as 0 here.</summary>
[Trait("Category", "Goldens")]
public sealed class MetricGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("metric");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Metric_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        var subkind = golden.Text("subkind");
        Skip.IfNot(subkind is "relations" or "bootstrap" or "ner" or "classification", $"metric {subkind} is not supported yet");
        var report = new GoldenReport();
        var tolerance = golden.Tolerance("value");
        var number = 0;
        foreach (var line in File.ReadLines(Path.Combine(golden.Folder, "cases.jsonl")))
        {
            var row = JsonNode.Parse(line.Replace(":NaN", ":\"nan\"", StringComparison.Ordinal))!;
            var what = $"row {++number}";
            if (subkind == "ner")
                CheckEntities(row, tolerance, what, report);
            else if (subkind == "classification")
                CheckClasses(row, tolerance, what, report);
            else if (subkind == "relations")
                CheckRelations(row, tolerance, what, report);
            else if (row["what"]!.GetValue<string>() == "percentile")
                CheckPercentiles(row, tolerance, what, report);
            else
                CheckIntervals(row, tolerance, what, report);
        }

        report.Throw();
    }

    private static void CheckRelations(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var gold = row["gold"]!.AsArray().Select(Triples).ToArray();
        var predicted = row["pred"]!.AsArray().Select(Triples).ToArray();
        var score = TripleScorer.Score([.. gold.Zip(predicted, (g, p) => new ScoredRecord(g, p))]);
        var result = row["result"]!;
        CheckCounts(result["micro"]!, score.Micro, tolerance, what + " micro", report);
        report.Check(score.Micro == new TripleCounts((int)result["tp"]!, (int)result["predicted"]!, (int)result["gold"]!), what + " counts: " + score.Micro);
        var byRelation = result["by_relation"]!.AsObject();
        report.Check(byRelation.Count == score.ByRelation.Count, $"{what}: {score.ByRelation.Count} relations instead of {byRelation.Count}");
        foreach (var (relation, counts) in score.ByRelation)
            CheckCounts(byRelation[relation]!, counts, tolerance, $"{what} {relation}", report);
        report.Close(result["exact_documents"]!.GetValue<double>(), score.ExactRecords, tolerance, what + " exact_documents");
    }

    private static void CheckCounts(JsonNode expected, TripleCounts counts, double tolerance, string what, GoldenReport report)
    {
        report.Close(expected["p"]!.GetValue<double>(), counts.Precision ?? 0, tolerance, what + " precision");
        report.Close(expected["r"]!.GetValue<double>(), counts.Recall ?? 0, tolerance, what + " recall");
        report.Close(expected["f1"]!.GetValue<double>(), counts.F1 ?? 0, tolerance, what + " F1");
    }

    /// <summary>The tolerant reading of tags; places of tokens stand for places in the text.</summary>
    private static void CheckEntities(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var wanted = Spans(row["y_true"]!);
        var given = Spans(row["y_pred"]!);
        var counts = EntityScorer.Count(wanted, given);
        var result = row["default"]!;
        report.Close(result["p"]!.GetValue<double>(), counts.Precision ?? 0, tolerance, what + " precision");
        report.Close(result["r"]!.GetValue<double>(), counts.Recall ?? 0, tolerance, what + " recall");
        report.Close(result["f1"]!.GetValue<double>(), counts.F1 ?? 0, tolerance, what + " F1");
        var expected = row["entities_pred"]!.AsArray().Select(list => string.Join(' ', list!.AsArray().Select(e => $"{e![0]}/{e[1]}/{e[2]}")));
        report.Check(expected.SequenceEqual(given.Select(list => string.Join(' ', list.Select(e => $"{e.Type}/{e.Start}/{e.End - 1}")))), what + " entities");
    }

    private static void CheckClasses(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var score = ClassificationScorer.Score(Labels(row["y_true"]!), Labels(row["y_pred"]!));
        var result = row["result"]!;
        report.Close(result["accuracy"]!.GetValue<double>(), score.Accuracy, tolerance, what + " accuracy");
        report.Close(result["macro"]!["f1"]!.GetValue<double>(), score.MacroF1, tolerance, what + " macro F1");
        report.Close(result["micro"]!["f1"]!.GetValue<double>(), score.MicroF1 ?? 0, tolerance, what + " micro F1");
    }

    private static IReadOnlyList<EntitySpan>[] Spans(JsonNode texts) =>
        [.. texts.AsArray().Select(tags => (IReadOnlyList<EntitySpan>)[.. EntityTags.Read([.. tags!.AsArray().Select(t => t!.GetValue<string>())]).Select(e => new EntitySpan(e.First, e.Last + 1, e.Type))])];

    private static IReadOnlyList<string>[] Labels(JsonNode list) => [.. list.AsArray().Select(label => (IReadOnlyList<string>)[label!.ToJsonString()])];

    private static void CheckPercentiles(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var sorted = Numbers(row["values"]!).Order().ToArray();
        foreach (var (percent, expected) in row["result"]!.AsObject())
        {
            var share = double.Parse(percent, CultureInfo.InvariantCulture) / 100;
            report.Close(expected!.GetValue<double>(), Bootstrap.Percentile(sorted, share), tolerance, $"{what} {percent} %");
        }
    }

    private static void CheckIntervals(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var values = Numbers(row["values"]!);
        var means = row["resamples"]!.AsArray().Select(drawn => drawn!.AsArray().Average(index => values[index!.GetValue<int>()])).ToArray();
        foreach (var (field, confidence) in new[] { ("ci95", 0.95), ("ci90", 0.9) })
        {
            var (low, high) = Bootstrap.Interval(means, confidence);
            report.Close(row["result"]![field]![0]!.GetValue<double>(), low, tolerance, $"{what} {field} low");
            report.Close(row["result"]![field]![1]!.GetValue<double>(), high, tolerance, $"{what} {field} high");
        }
    }

    private static Triple[] Triples(JsonNode? list) =>
        [.. list!.AsArray().Select(t => new Triple(t![0]!.GetValue<string>(), t[1]!.GetValue<string>(), t[2]!.GetValue<string>()))];

    private static double[] Numbers(JsonNode list) => [.. list.AsArray().Select(value => value!.GetValue<double>())];
}
