using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Data;
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
        var report = new GoldenReport();
        var tolerance = golden.Tolerance("value");
        var number = 0;
        if (subkind == "bleu")
        {
            foreach (var line in File.ReadLines(Path.Combine(golden.Folder, "tokenize.jsonl")))
                TextMetricGoldens.CheckTokenizer(JsonNode.Parse(line)!, $"tokenizer row {++number}", report);
            number = 0;
        }

        var texts = subkind == "bleu" ? JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Folder, "data.json")))! : new JsonObject();
        foreach (var line in File.ReadLines(Path.Combine(golden.Folder, "cases.jsonl")))
        {
            // Some rows hold a bare NaN, which is no JSON.
            var row = JsonNode.Parse(line.Replace(":NaN", ":\"nan\"", StringComparison.Ordinal))!;
            var what = $"row {++number}";
            Action check = subkind switch
            {
                "classification" => () => ScoreGoldens.CheckClassification(row, tolerance, what, report),
                "ner" => () => ScoreGoldens.CheckEntities(row, tolerance, what, report),
                "qa" => () => ScoreGoldens.CheckAnswers(row, tolerance, what, report),
                "relations" => () => CheckRelations(row, tolerance, what, report),
                "bleu" => () => TextMetricGoldens.CheckBleu(row, texts, tolerance, what, report),
                "rouge" => () => TextMetricGoldens.CheckRouge(row, tolerance, what, report),
                "perplexity" => () => TextMetricGoldens.CheckPerplexity(row, tolerance, what, report),
                "agreement" => () => TextMetricGoldens.CheckAgreement(row, tolerance, what, report),
                "bootstrap" when row["what"]!.GetValue<string>() == "percentile" => () => CheckPercentiles(row, tolerance, what, report),
                "bootstrap" => () => CheckIntervals(row, tolerance, what, report),
                _ => throw new InvalidDataException($"metric {subkind} is unknown"),
            };
            check();
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
