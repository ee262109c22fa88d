using Peft.Core.Generation;
using Peft.Core.Methods;
using Peft.Core.Methods.Full;
using Peft.Core.Models;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>An encoder-decoder against its recorded run.</summary>
internal static class Seq2SeqGoldenRun
{
    public static void Run(GoldenCase golden, GoldenTensors io, GoldenReport report)
    {
        using var model = EncoderDecoderModel.Load(golden.Folder, new ModelLoadOptions { Dtype = "float32", Task = ModelTask.Seq2SeqLm });
        report.Check(model.Config.ParameterCount() == (long)golden.Number("parameters"), $"parameters: {model.Config.ParameterCount()}");
        foreach (var variant in golden.Json["variants"]!.AsArray())
            CheckVariant(golden, model, io, variant!.GetValue<string>(), report);
        CheckGradients(golden, model, io, report);
        if (golden.Json["greedy"] is not null)
            CheckGreedy(golden, model, io, report);
    }

    private static void CheckVariant(GoldenCase golden, EncoderDecoderModel model, GoldenTensors io, string variant, GoldenReport report)
    {
        using var gradOff = torch.no_grad();
        var (ids, mask, labels) = (io[variant + "/input_ids"], io.Find(variant + "/attention_mask"), io[variant + "/labels"]);
        var padded = golden.Text("compare_positions") == "mask" && mask is not null ? mask.eq(0).unsqueeze(-1) : null;
        var encoded = model.Encode(ids, mask);
        report.Close(io[variant + "/encoder_hidden"], encoded, golden.Tolerance("encoder_hidden"), variant + "/encoder_hidden", except: padded);
        var hidden = model.Decode(model.DecoderInput(labels), encoded, mask);
        report.Close(io[variant + "/hidden"], hidden, golden.Tolerance("hidden"), variant + "/hidden");
        report.Close(io[variant + "/logits"], model.Logits(hidden), golden.Tolerance("logits"), variant + "/logits");
        report.Close(io.Scalar(variant + "/loss"), model.Loss(ids, mask, labels).item<float>(), golden.Tolerance("loss"), variant + "/loss");
    }

    private static void CheckGradients(GoldenCase golden, EncoderDecoderModel model, GoldenTensors io, GoldenReport report)
    {
        using var all = PeftMethods.Create(model, new FullConfig());
        model.Loss(io["plain/input_ids"], io.Find("plain/attention_mask"), io["plain/labels"]).backward();
        GradientCheck.Run(golden, all, io, report);
    }

    private static void CheckGreedy(GoldenCase golden, EncoderDecoderModel model, GoldenTensors io, GoldenReport report)
    {
        var settings = golden.Json["greedy"]!;
        var options = new GenerationOptions
        {
            MaxNewTokens = settings["max_new_tokens"]!.GetValue<int>(),
            EosTokenIds = [settings["eos_token_id"]!.GetValue<int>()],
        };
        var rows = Seq2SeqGenerator.Generate(model, io["greedy/input_ids"], io["greedy/attention_mask"], options);
        GreedyCheck.Compare(rows, io["greedy/output_ids"], skipped: 1, settings["pad_token_id"]!.GetValue<long>(), report);
    }
}
