using Peft.Core.Generation;
using Peft.Core.Methods;
using Peft.Core.Methods.Full;
using Peft.Core.Models;
using Peft.Core.Models.Decoders;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>CPM-Bee against its recorded run: its texts have a structure beside their ids.</summary>
internal static class CpmBeeGoldenRun
{
    public static void Run(GoldenCase golden, GoldenTensors io, GoldenReport report)
    {
        using var model = (CpmBee)CausalLanguageModel.Load(golden.Folder, new ModelLoadOptions { Dtype = "float32" });
        report.Check(model.Config.ParameterCount() == (long)golden.Number("parameters"), $"parameters: {model.Config.ParameterCount()}");
        foreach (var variant in golden.Json["variants"]!.AsArray())
            CheckVariant(golden, model, io, variant!.GetValue<string>(), report);
        using (var all = PeftMethods.Create(model, new FullConfig()))
        {
            model.Loss(Text(io, "plain"), io["plain/labels"], Table(io, "plain")).backward();
            GradientCheck.Run(golden, all, io, report);
        }

        CheckGreedy(golden, model, io, report);
    }

    /// <summary>The recorded text of a variant.</summary>
    public static CpmBeeText Text(GoldenTensors io, string variant)
    {
        using var scope = torch.NewDisposeScope();
        var (rows, width) = (io[variant + "/input_ids"].shape[0], (int)io[variant + "/input_ids"].shape[1]);
        long[] Field(string name, long b) => io.Find($"{variant}/{name}")?[b].data<long>().ToArray() ?? new long[width];
        return new CpmBeeText([.. Enumerable.Range(0, (int)rows).Select(b =>
        {
            var fields = new[] { "input_ids", "input_sub", "context", "sample_ids", "segment", "num_segments", "segment_rel_offset", "span", "position" }
                .ToDictionary(name => name, name => Field(name, b));
            var real = io.Find(variant + "/length")?[b].item<long>() ?? width;
            var counted = io.Find(variant + "/position") is null;
            return new CpmBeeRow(
                [.. Enumerable.Range(0, width).Select(t => new CpmBeePlace
                {
                    Id = fields["input_ids"][t],
                    Sub = fields["input_sub"][t],
                    IsReal = t < real,
                    IsGiven = fields["context"][t] != 0,
                    Sample = fields["sample_ids"][t],
                    Segment = fields["segment"][t],
                    Segments = fields["num_segments"][t],
                    RelationsStart = fields["segment_rel_offset"][t],
                    Span = fields["span"][t],
                    Position = counted ? t : fields["position"][t],
                })],
                io[variant + "/segment_rel"][b].data<long>().ToArray());
        })]);
    }

    public static CpmBeeNumbered[] Table(GoldenTensors io, string variant) => io.Find(variant + "/ext_table_ids") is { } ids
        ? [.. ids.data<long>().ToArray().Zip(io[variant + "/ext_table_sub"].data<long>().ToArray(), (id, sub) => new CpmBeeNumbered(id, sub))]
        : [];

    private static void CheckVariant(GoldenCase golden, CpmBee model, GoldenTensors io, string variant, GoldenReport report)
    {
        using var gradOff = torch.no_grad();
        var (text, table, labels) = (Text(io, variant), Table(io, variant), io[variant + "/labels"]);
        var padded = io[variant + "/attention_mask"].eq(0).unsqueeze(-1);
        var hidden = model.Hidden(text);
        report.Close(io[variant + "/hidden"], hidden, golden.Tolerance("hidden"), variant + "/hidden", except: padded);
        report.Close(io[variant + "/logits"], model.Logits(hidden, table), golden.Tolerance("logits"), variant + "/logits", except: padded);
        report.Close(io.Scalar(variant + "/loss"), model.Loss(text, labels, table).item<float>(), golden.Tolerance("loss"), variant + "/loss");
    }

    private static void CheckGreedy(GoldenCase golden, CpmBee model, GoldenTensors io, GoldenReport report)
    {
        var settings = golden.Json["greedy"]!;
        var eos = settings["eos_token_id"]!.GetValue<int>();
        for (var b = 0; b < settings["data"]!.AsArray().Count; b++)
        {
            var answers = io[$"greedy{b}/predict_segment"].data<long>().ToArray().Select(segment => (int)segment).ToArray();
            var written = CpmBeeGenerator.Greedy(
                model, Text(io, $"greedy{b}").Rows[0], answers, Table(io, $"greedy{b}"), settings["max_new_tokens"]!.GetValue<int>(), [eos]);
            var recorded = io[$"greedy{b}/output_ids"].data<long>().ToArray();
            var ours = written.SelectMany(answer => answer).ToArray();
            report.Check(recorded.SequenceEqual(ours), $"greedy {b}: {string.Join(' ', ours)} instead of {string.Join(' ', recorded)}");
        }
    }
}
