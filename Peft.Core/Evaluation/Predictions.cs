using System.Text;
using System.Text.Json;
using Peft.Core.Data;
using Peft.Core.Evaluation.Texts;
using Peft.Core.Runs;
using Peft.Core.Training.Tasks;

namespace Peft.Core.Evaluation;

/// <summary>Generated answers as lines of <c>predictions/&lt;split&gt;.jsonl</c>, and as triples to score.</summary>
public static class Predictions
{
    /// <summary>Pairs records with their answers.</summary>
    public static IReadOnlyList<RunPrediction> Of(IReadOnlyList<InstructionRecord> records, IReadOnlyList<string> answers)
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(answers);
        var areTriples = AreTriples([.. records.Select(record => record.Output)]);
        return [.. records.Select((record, i) => new RunPrediction
        {
            Index = i,
            Instruction = record.Instruction,
            Input = record.Input,
            Reference = record.Output,
            Output = answers[i],
            Exact = IsExact(record.Output, answers[i], areTriples),
        })];
    }

    /// <summary>Whether answers are relation triples: some name one, and most can be read as triples.</summary>
    public static bool AreTriples(IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(references);
        var read = references.Select(TripleText.Read).ToList();
        return read.Exists(reading => reading.Triples.Count > 0) && 2 * read.Count(reading => reading.Parsed) >= read.Count;
    }

    /// <summary>The scores of generated answers: of triples where the references are triples, otherwise the share of exactly right answers.</summary>
    /// <param name="predictions">At least one.</param>
    /// <param name="seed">Seed of the bootstrap interval.</param>
    public static TaskReport Report(IReadOnlyList<RunPrediction> predictions, int seed = 42)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        if (!AreTriples([.. predictions.Select(p => p.Reference)]))
        {
            var right = predictions.Average(p => IsExact(p.Reference, p.Output, areTriples: false) ? 1.0 : 0.0);
            return new TaskReport(new Dictionary<string, double?>(Overlap(predictions)) { ["exact_match"] = right, ["f1"] = null }, "exact_match");
        }

        var report = Score(predictions, seed);
        var metrics = new Dictionary<string, double?>
        {
            ["precision"] = report.Micro.Precision,
            ["recall"] = report.Micro.Recall,
            ["f1"] = report.Micro.F1,
            ["f1_low"] = report.F1Interval?.Low,
            ["f1_high"] = report.F1Interval?.High,
        };
        return new TaskReport(metrics, "f1", report);
    }

    /// <summary>
    /// How much answers overlap with what was wanted, 0–1, where they are texts and not a few labels: BLEU and chrF over all of them, the mean
    /// of ROUGE-L. Chinese is compared by characters.
    /// </summary>
    private static Dictionary<string, double?> Overlap(IReadOnlyList<RunPrediction> predictions)
    {
        if (predictions.Count < 2 || 2 * predictions.Select(p => p.Reference).Distinct(StringComparer.Ordinal).Count() <= predictions.Count)
            return [];
        var isChinese = predictions.Any(p => p.Reference.Any(c => c is >= '\u4E00' and <= '\u9FFF'));
        var pairs = predictions.Select(p => (p.Output, (IReadOnlyList<string>)[p.Reference])).ToArray();
        return new Dictionary<string, double?>
        {
            ["bleu"] = BleuScorer.Corpus(pairs, new BleuOptions { Tokenize = isChinese ? "zh" : "13a" }).Score / 100,
            ["chrf"] = ChrfScorer.Corpus(pairs) / 100,
            ["rouge_l"] = predictions.Average(p => RougeScorer.Score(p.Output, p.Reference, isChinese ? RougeTokens.Characters : RougeTokens.Latin).RougeL.F1),
        };
    }

    /// <summary>Writes predictions, completely or not at all.</summary>
    /// <exception cref="PeftException">The disk is full or refuses.</exception>
    public static void Write(string path, IEnumerable<RunPrediction> predictions)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        var text = new StringBuilder();
        foreach (var prediction in predictions)
            text.Append(JsonSerializer.Serialize(prediction, RunRequest.Json)).Append('\n');
        AtomicFolder.WriteFile(path, Encoding.UTF8.GetBytes(text.ToString()));
    }

    /// <summary>Reads both answers as triples and scores them strictly.</summary>
    /// <param name="predictions">At least one.</param>
    /// <param name="seed">Seed of the bootstrap interval.</param>
    public static TripleReport Score(IReadOnlyList<RunPrediction> predictions, int seed = 42)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        return TripleScorer.Score([.. predictions.Select(Scored)], seed);
    }

    private static bool IsExact(string reference, string output, bool areTriples)
    {
        if (!areTriples)
            return reference.Trim() == output.Trim();
        var given = TripleText.Read(output);
        return given.Parsed && given.Triples.ToHashSet().SetEquals(TripleText.Read(reference).Triples);
    }

    private static ScoredRecord Scored(RunPrediction prediction)
    {
        var predicted = TripleText.Read(prediction.Output);
        return new ScoredRecord(TripleText.Read(prediction.Reference).Triples, predicted.Triples, predicted.Parsed);
    }
}
