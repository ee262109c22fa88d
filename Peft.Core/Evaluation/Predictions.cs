using System.Text;
using System.Text.Json;
using Peft.Core.Data;
using Peft.Core.Runs;

namespace Peft.Core.Evaluation;

/// <summary>Generated answers as lines of <c>predictions/&lt;split&gt;.jsonl</c>, and as triples to score.</summary>
public static class Predictions
{
    /// <summary>Pairs records with their answers.</summary>
    public static IReadOnlyList<RunPrediction> Of(IReadOnlyList<InstructionRecord> records, IReadOnlyList<string> answers)
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(answers);
        return [.. records.Select((record, i) => new RunPrediction
        {
            Index = i,
            Instruction = record.Instruction,
            Input = record.Input,
            Reference = record.Output,
            Output = answers[i],
        })];
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

    private static ScoredRecord Scored(RunPrediction prediction)
    {
        var predicted = TripleText.Read(prediction.Output);
        return new ScoredRecord(TripleText.Read(prediction.Reference).Triples, predicted.Triples, predicted.Parsed);
    }
}
