using System.Text;
using System.Text.Json;
using Peft.Core.Data;
using Peft.Core.Runs;

namespace Peft.Core.Evaluation;

/// <summary>One line of <c>predictions/&lt;split&gt;.jsonl</c>: a record, the answer that was wanted and the one that came.</summary>
public sealed record Prediction
{
    /// <summary>Position of the record in its split, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>The record's id, if it has one.</summary>
    public string? Id { get; init; }

    /// <summary>The record's instruction.</summary>
    public required string Instruction { get; init; }

    /// <summary>The record's input.</summary>
    public required string Input { get; init; }

    /// <summary>The answer that was wanted.</summary>
    public required string Reference { get; init; }

    /// <summary>The answer that was generated.</summary>
    public required string Output { get; init; }

    /// <summary>Pairs records with their answers.</summary>
    public static IReadOnlyList<Prediction> Of(IReadOnlyList<InstructionRecord> records, IReadOnlyList<string> answers) => [.. records.Select((record, i) => new Prediction
    {
        Index = i,
        Id = record.Id,
        Instruction = record.Instruction,
        Input = record.Input,
        Reference = record.Output,
        Output = answers[i],
    })];

    /// <summary>Writes predictions, completely or not at all.</summary>
    /// <exception cref="PeftException">The disk is full or refuses.</exception>
    public static void Write(string path, IEnumerable<Prediction> predictions)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        var text = new StringBuilder();
        foreach (var prediction in predictions)
            text.Append(JsonSerializer.Serialize(prediction, RunRequest.Json)).Append('\n');
        AtomicFolder.WriteFile(path, Encoding.UTF8.GetBytes(text.ToString()));
    }

    /// <summary>Reads predictions; empty when there is no such file.</summary>
    /// <exception cref="PeftException">A line is no prediction.</exception>
    public static IReadOnlyList<Prediction> Read(string path)
    {
        if (!File.Exists(path))
            return [];
        var result = new List<Prediction>();
        foreach (var line in File.ReadLines(path))
        {
            try
            {
                result.Add(JsonSerializer.Deserialize<Prediction>(line, RunRequest.Json)!);
            }
            catch (JsonException e)
            {
                throw new PeftException($"{path}, line {result.Count + 1}: {e.Message}", e);
            }
        }

        return result;
    }

    /// <summary>Reads both answers as triples for scoring.</summary>
    public ScoredRecord Scored()
    {
        var predicted = TripleText.Read(Output);
        return new ScoredRecord(TripleText.Read(Reference).Triples, predicted.Triples, predicted.Parsed);
    }
}
