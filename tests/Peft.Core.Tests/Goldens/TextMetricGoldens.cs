using System.Text.Json.Nodes;
using Peft.Core.Evaluation;
using Peft.Core.Evaluation.Texts;

namespace Peft.Core.Tests.Goldens;

/// <summary>Rows of scores of written texts and of agreement between people.</summary>
internal static class TextMetricGoldens
{
    public static void CheckBleu(JsonNode row, JsonNode data, double tolerance, string what, GoldenReport report)
    {
        var metric = row["metric"]!.GetValue<string>();
        what = $"{what} {metric}";
        var lang = row["lang"]!.GetValue<string>();
        var corpus = row["hypotheses"] is null ? [] : Pairs(data[lang]!);
        var hypothesis = row["hypothesis"]?.GetValue<string>() ?? "";
        var references = row["references"]?.AsArray().Select(text => text!.GetValue<string>()).ToArray() ?? [];
        switch (metric)
        {
            case "corpus_bleu":
                CheckScore(row["result"]!, BleuScorer.Corpus(corpus, Options(row)), tolerance, what, report);
                break;
            case "sentence_bleu":
                CheckScore(row["result"]!, BleuScorer.Sentence(hypothesis, references, Options(row)), tolerance, what, report);
                break;
            case "nltk_sentence_bleu" when row["error"] is not null:
                report.Check(Refuses(() => NltkBleu.Sentence([.. references.Select(r => Tokens(r, lang))], Tokens(hypothesis, lang), row["smoothing"]!.GetValue<string>())), what + " was to fail");
                break;
            default:
                report.Close(Value(row["result"]!["score"]!), metric switch
                {
                    "chrF" => ChrfScorer.Sentence(hypothesis, references),
                    "chrF++" => ChrfScorer.Sentence(hypothesis, references, 2),
                    "corpus_chrF" => ChrfScorer.Corpus(corpus),
                    "corpus_chrF++" => ChrfScorer.Corpus(corpus, 2),
                    "TER" => TerScorer.Sentence(hypothesis, references),
                    "nltk_sentence_bleu" => NltkBleu.Sentence([.. references.Select(r => Tokens(r, lang))], Tokens(hypothesis, lang), row["smoothing"]!.GetValue<string>()),
                    "nltk_corpus_bleu" => NltkBleu.Corpus([.. corpus.Select(pair => ((IReadOnlyList<IReadOnlyList<string>>)[.. pair.References.Select(r => Tokens(r, lang))], Tokens(pair.Hypothesis, lang)))
                        .Where(pair => pair.Item2.Count > 0)]),
                    _ => throw new InvalidDataException($"metric {metric} is unknown"),
                }, tolerance, $"{what} '{hypothesis}'");
                break;
        }
    }

    public static void CheckTokenizer(JsonNode row, string what, GoldenReport report)
    {
        var (text, name) = (row["text"]!.GetValue<string>(), row["tokenize"]!.GetValue<string>());
        var tokens = BleuTokenizer.Line(text, name);
        report.Check(tokens == row["tokens"]!.GetValue<string>(), $"{what} {name}: '{tokens}' of '{text}'");
    }

    public static void CheckRouge(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var mode = row["mode"]!.GetValue<string>() switch
        {
            "zh-char" => RougeTokens.Characters,
            "en-stemmer" => RougeTokens.Stemmed,
            "en" or "zh-default" => RougeTokens.Latin,
            var other => throw new InvalidDataException($"mode {other} is unknown"),
        };
        var score = RougeScorer.Score(row["hypothesis"]!.GetValue<string>(), row["reference"]!.GetValue<string>(), mode);
        foreach (var (name, own) in new[] { ("rouge1", score.Rouge1), ("rouge2", score.Rouge2), ("rougeL", score.RougeL), ("rougeLsum", score.RougeLsum) })
        {
            var expected = row["result"]![name]!;
            report.Close(Value(expected["p"]!), own.Precision, tolerance, $"{what} {name} precision");
            report.Close(Value(expected["r"]!), own.Recall, tolerance, $"{what} {name} recall");
            report.Close(Value(expected["f"]!), own.F1, tolerance, $"{what} {name} F1");
        }
    }

    public static void CheckPerplexity(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var texts = row["samples"]!.AsArray().Select(one => new TextLoss(Value(one!["nll"]!), (int)one["tokens"]!)).ToArray();
        var result = row["result"]!;
        report.Close(Value(result["token_mean_nll"]!), Perplexity.MeanLoss(texts) ?? double.NaN, tolerance, what + " mean loss");
        report.Close(Value(result["perplexity"]!), Perplexity.Of(texts) ?? double.NaN, tolerance, what + " perplexity");
        report.Close(Value(result["mean_of_sample_perplexities"]!), Perplexity.MeanOfTexts(texts) ?? double.NaN, tolerance, what + " mean of perplexities");
    }

    public static void CheckAgreement(JsonNode row, double tolerance, string what, GoldenReport report)
    {
        var given = row["raters_by_items"]!.AsArray().Select(person => person!.AsArray().Select(value => value?.GetValue<double>()).ToArray()).ToArray();
        int[][] Labels() => [.. given.Select(person => person.Select(value => (int)value!.Value).ToArray())];
        foreach (var (name, expected) in row["result"]!.AsObject())
        {
            var own = name switch
            {
                "alpha_nominal" => Agreement.Alpha(given, AlphaLevel.Nominal),
                "alpha_ordinal" => Agreement.Alpha(given, AlphaLevel.Ordinal),
                "alpha_interval" => Agreement.Alpha(given, AlphaLevel.Interval),
                "alpha_ratio" => Agreement.Alpha(given, AlphaLevel.Ratio),
                "cohen_unweighted" => Agreement.CohenKappa(Labels()[0], Labels()[1]),
                "cohen_linear" => Agreement.CohenKappa(Labels()[0], Labels()[1], KappaWeights.Linear),
                "cohen_quadratic" => Agreement.CohenKappa(Labels()[0], Labels()[1], KappaWeights.Quadratic),
                "fleiss" => Agreement.FleissKappa(Labels()),
                "randolph" => Agreement.RandolphKappa(Labels()),
                "mean_pairwise_agreement" => Agreement.PairwiseAgreement(Labels()),
                _ => throw new InvalidDataException($"measure {name} is unknown"),
            };
            if (expected is JsonValue value && value.TryGetValue<double>(out var number))
                report.Close(number, own ?? double.NaN, tolerance, $"{what} {name}");
            else
                report.Check(own is null, $"{what} {name}: {own} instead of undefined");
        }
    }

    private static void CheckScore(JsonNode expected, BleuScore score, double tolerance, string what, GoldenReport report)
    {
        report.Close(Value(expected["score"]!), score.Score, tolerance, what + " score");
        report.Close(Value(expected["bp"]!), score.BrevityPenalty, tolerance, what + " brevity penalty");
        report.Check((int)expected["sys_len"]! == score.Length && (int)expected["ref_len"]! == score.ReferenceLength, $"{what}: lengths {score.Length} and {score.ReferenceLength}");
        foreach (var (field, own) in new[] { ("precisions", score.Precisions), ("counts", score.Counts), ("totals", score.Totals) })
        {
            if (expected[field] is { } list)
                report.Check(list.AsArray().Zip(own).All(pair => Math.Abs(Value(pair.First!) - pair.Second) <= tolerance), $"{what}: {field} {string.Join(", ", own)}");
        }
    }

    private static BleuOptions Options(JsonNode row) => new()
    {
        Tokenize = row["tokenize"]!.GetValue<string>(),
        Lowercase = row["options"]?["lowercase"]?.GetValue<bool>() ?? false,
        SmoothMethod = row["options"]?["smooth_method"]?.GetValue<string>() ?? "exp",
    };

    private static List<(string Hypothesis, IReadOnlyList<string> References)> Pairs(JsonNode list) =>
        [.. list.AsArray().Select(pair => (pair![0]!.GetValue<string>(), (IReadOnlyList<string>)[.. pair[1]!.AsArray().Select(text => text!.GetValue<string>())]))];

    private static IReadOnlyList<string> Tokens(string text, string lang) =>
        BleuTokenizer.Tokenize(text, lang == "zh" ? "char" : "none");

    private static bool Refuses(Action act)
    {
        try
        {
            act();
            return false;
        }
        catch (PeftException)
        {
            return true;
        }
    }

    private static double Value(JsonNode node) => node.GetValue<double>();
}
