using System.Text.Json;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs;

/// <summary>Reads generated answers and judges each triple against the reference.</summary>
internal static class PredictionReader
{
    public static PredictionPage Read(RunPaths paths, string split, int offset, int count, bool wrongOnly)
    {
        var file = paths.Predictions(split);
        if (!File.Exists(file))
            return new PredictionPage(0, offset, []);
        var rows = new List<PredictionRow>();
        var total = 0;
        var number = 0;
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        while (reader.ReadLine() is { } line)
        {
            number++;
            var prediction = Parse(file, number, line);
            var row = Judge(prediction);
            if (wrongOnly && row.Exact)
                continue;
            if (total >= offset && rows.Count < count)
                rows.Add(row);
            total++;
        }

        return new PredictionPage(total, offset, rows);
    }

    private static RunPrediction Parse(string file, int number, string line)
    {
        try
        {
            return JsonSerializer.Deserialize<RunPrediction>(line, RunRequest.Json) ?? throw new PeftException($"{file}:{number}: the line says null.");
        }
        catch (JsonException e)
        {
            throw new PeftException($"{file}:{number}: {e.Message}", e);
        }
    }

    private static PredictionRow Judge(RunPrediction prediction)
    {
        var reading = TripleText.Read(prediction.Output);
        if (prediction.Exact is { } exact && !TripleText.Read(prediction.Reference).Parsed)
            return new PredictionRow(prediction.Index, prediction.Instruction, prediction.Input, prediction.Reference, prediction.Output, true, exact, [], IsTriples: false);
        var wanted = TripleText.Read(prediction.Reference).Triples.ToHashSet();
        var found = reading.Triples.Distinct().ToArray();
        var marks = found.Select(triple => Mark(triple, wanted.Contains(triple) ? TripleVerdict.Correct : TripleVerdict.Wrong))
            .Concat(wanted.Except(found).Select(triple => Mark(triple, TripleVerdict.Missing)))
            .ToArray();
        return new PredictionRow(
            prediction.Index, prediction.Instruction, prediction.Input, prediction.Reference, prediction.Output, reading.Parsed,
            reading.Parsed && wanted.SetEquals(found), marks);
    }

    private static TripleMark Mark(Triple triple, TripleVerdict verdict) => new(new TripleDto(triple.Head, triple.Relation, triple.Tail), verdict);
}
