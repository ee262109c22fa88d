using Peft.Core.Generation;
using Peft.Core.Methods;
using Peft.Core.Methods.Full;
using Peft.Core.Models;
using TorchSharp;

namespace Peft.Core.Tests.Goldens;

/// <summary>Base models against recorded runs: logits, loss, gradients of every parameter, hidden states, greedy tokens.</summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Goldens")]
public sealed class ModelGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("model");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Model_RecordedCase_Agrees(string path)
    {
        var golden = GoldenCase.Open(path);
        Skip.IfNot(ModelRegistry.All.Any(m => m.ModelType == golden.Text("model_type")), $"architecture {golden.Text("model_type")} is not supported yet");
        using var scope = torch.NewDisposeScope();
        using var io = golden.Tensors("io.safetensors");
        var report = new GoldenReport();
        switch (golden.Text("task"))
        {
            case "CAUSAL_LM" when golden.Text("model_type") == "cpm_bee":
                CpmBeeGoldenRun.Run(golden, io, report);
                break;
            case "CAUSAL_LM":
                CheckDecoder(golden, io, report);
                break;
            case "SEQ_2_SEQ_LM":
                Seq2SeqGoldenRun.Run(golden, io, report);
                break;
            default:
                TaskGoldenRun.Run(golden, io, report);
                break;
        }

        report.Throw();
    }

    private static void CheckDecoder(GoldenCase golden, GoldenTensors io, GoldenReport report)
    {
        using var model = CausalLanguageModel.Load(golden.Folder, new ModelLoadOptions { Dtype = "float32" });
        report.Check(model.Config.ParameterCount() == (long)golden.Number("parameters"), $"parameters: {model.Config.ParameterCount()}");
        foreach (var variant in golden.Json["variants"]!.AsArray())
            CheckVariant(golden, model, io, variant!.GetValue<string>(), report);
        CheckGradients(golden, model, io, report);
        if (golden.Json["greedy"] is not null)
            CheckGreedy(golden, model, io, report);
    }

    private static void CheckVariant(GoldenCase golden, CausalLanguageModel model, GoldenTensors io, string variant, GoldenReport report)
    {
        using var gradOff = torch.no_grad();
        var (ids, mask) = (io[variant + "/input_ids"], io.Find(variant + "/attention_mask"));
        var hidden = model.Hidden(ids, mask);
        var padded = golden.Text("compare_positions") == "mask" && mask is not null ? mask.eq(0).unsqueeze(-1) : null;
        report.Close(io[variant + "/hidden"], hidden, golden.Tolerance("hidden"), variant + "/hidden", except: padded);
        report.Close(io[variant + "/logits"], model.Logits(hidden), golden.Tolerance("logits"), variant + "/logits", except: padded);
        var loss = CausalLoss.Compute(model, ids, mask, io[variant + "/labels"]);
        report.Close(io.Scalar(variant + "/loss"), loss.item<float>(), golden.Tolerance("loss"), variant + "/loss");
    }

    private static void CheckGradients(GoldenCase golden, CausalLanguageModel model, GoldenTensors io, GoldenReport report)
    {
        using var all = PeftMethods.Create(model, new FullConfig());
        CausalLoss.Compute(model, io["plain/input_ids"], io.Find("plain/attention_mask"), io["plain/labels"]).backward();
        GradientCheck.Run(golden, all, io, report);
    }

    private static void CheckGreedy(GoldenCase golden, CausalLanguageModel model, GoldenTensors io, GoldenReport report)
    {
        var settings = golden.Json["greedy"]!;
        var eos = settings["eos_token_id"]!.GetValue<int>();
        var pad = settings["pad_token_id"]!.GetValue<int>();
        var options = new GenerationOptions { MaxNewTokens = settings["max_new_tokens"]!.GetValue<int>(), EosTokenIds = [eos] };
        var (ids, mask, expected) = (io["greedy/input_ids"], io["greedy/attention_mask"], io["greedy/output_ids"]);
        GreedyCheck.Run(model, ids, mask, expected, options, pad, report);
    }
}
