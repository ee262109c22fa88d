using System.Text.Json.Nodes;
using Peft.Core.Generation;
using Peft.Core.Models;
using TorchSharp;
using static TorchSharp.torch;
using Generator = Peft.Core.Generation.Generator;

namespace Peft.Core.Tests.Goldens;

/// <summary>Decoding, processors of scores and draws against recorded ones.</summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Goldens")]
public sealed class GenerationGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("generation");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Generation_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        var report = new GoldenReport();
        using var scope = NewDisposeScope();
        switch (golden.Text("subkind"))
        {
            case "decode":
                CheckDecoding(golden, report);
                break;
            case "processors":
                ProcessorGoldenRun.Run(golden, report);
                break;
            case "sampling":
                SamplingGoldenRun.Run(golden, report);
                break;
            default:
                Skip.If(true, $"generation {golden.Text("subkind")} is not supported yet");
                break;
        }

        report.Throw();
    }

    /// <summary>The rows of a JSON-lines file of a case.</summary>
    internal static List<JsonObject> Rows(GoldenCase golden, string file)
    {
        var rows = File.ReadLines(Path.Combine(golden.Folder, file)).Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        Assert.NotEmpty(rows);
        return rows;
    }

    internal static Tensor Ids(JsonNode rows)
    {
        var lists = rows.AsArray().Select(row => row!.AsArray().Select(id => id!.GetValue<long>()).ToArray()).ToArray();
        return tensor(lists.SelectMany(row => row).ToArray(), lists.Length, lists[0].Length);
    }

    private static void CheckDecoding(GoldenCase golden, GoldenReport report)
    {
        using var model = BaseModel.Load(golden.Base, new ModelLoadOptions { Dtype = "float32" });
        foreach (var row in Rows(golden, "cases.jsonl"))
            CheckRow(golden, model, row, report);
    }

    private static void CheckRow(GoldenCase golden, BaseModel model, JsonObject row, GoldenReport report)
    {
        using var scope = NewDisposeScope();
        var name = row["name"]!.GetValue<string>();
        var (ids, mask) = (Ids(row["input_ids"]!), Ids(row["attention_mask"]!));
        var options = RecordedOptions.Read(row["options"]!.AsObject()) with { Seed = row["seed"]?.GetValue<long>() };
        var result = model is EncoderDecoderModel both
            ? Seq2SeqGenerator.Search(both, ids, mask, options)
            : Generator.Search((CausalLanguageModel)model, ids, mask, options);
        var recorded = row["sequences"]!.AsArray().Select(sequence => sequence!.AsArray().Select(id => id!.GetValue<long>()).ToArray()).ToArray();
        report.Check(recorded.Length == result.Sequences.Length, $"{name}: {result.Sequences.Length} sequences instead of {recorded.Length}");
        var prompt = model is EncoderDecoderModel ? 1 : (int)ids.shape[1];

        // Behind the end of a row the reference writes the pad id; its beam search takes pad id 0 for none and writes the first ending.
        var fill = options.NumBeams > 1 && options.EosTokenIds.Count > 0 ? options.EosTokenIds[0] : golden.Json["defaults"]!["pad_token_id"]!.GetValue<long>();
        for (var r = 0; r < recorded.Length; r++)
        {
            var expected = recorded[r][prompt..];
            var ours = result.Sequences[r].Concat(Enumerable.Repeat(fill, expected.Length)).Take(Math.Max(expected.Length, result.Sequences[r].Length)).ToArray();
            report.Check(expected.SequenceEqual(ours), $"{name} row {r}: {string.Join(' ', ours)} instead of {string.Join(' ', expected)}");
        }

        var scores = row["sequences_scores"]?.AsArray().Select(score => score!.GetValue<double>()).ToArray() ?? [];
        report.Check(scores.Length == (result.Scores?.Length ?? 0), $"{name}: {result.Scores?.Length ?? 0} scores instead of {scores.Length}");
        for (var r = 0; r < Math.Min(scores.Length, result.Scores?.Length ?? 0); r++)
            report.Close(scores[r], result.Scores![r], golden.Tolerance("sequences_scores"), $"{name} score {r}");
    }
}
