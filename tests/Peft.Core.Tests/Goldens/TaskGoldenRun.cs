using Peft.Core.Methods;
using Peft.Core.Methods.Full;
using Peft.Core.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Goldens;

/// <summary>An encoder, or a decoder that labels texts, against its recorded run.</summary>
internal static class TaskGoldenRun
{
    public static void Run(GoldenCase golden, GoldenTensors io, GoldenReport report)
    {
        var task = ModelTasks.Parse(golden.Text("task"));
        var labels = golden.Json["num_labels"]?.GetValue<int>();
        using var model = BaseModel.Load(golden.Folder, new ModelLoadOptions { Dtype = "float32", Task = task, NumLabels = labels });
        report.Check(model.Initialised.Count == 0, $"drawn anew: {string.Join(", ", model.Initialised)}");
        report.Check(model.Config.ParameterCount() == (long)golden.Number("parameters"), $"parameters: {model.Config.ParameterCount()}");
        foreach (var variant in golden.Json["variants"]!.AsArray())
        {
            using var gradOff = no_grad();
            Check(golden, model, io, variant!.GetValue<string>(), report);
        }

        using var all = PeftMethods.Create(model, new FullConfig());
        var hidden = Hidden(model, io, "plain");
        Loss(model, io, "plain", hidden, Logits(model, io, "plain", hidden)).backward();
        GradientCheck.Run(golden, all, io, report);
    }

    private static void Check(GoldenCase golden, BaseModel model, GoldenTensors io, string variant, GoldenReport report)
    {
        var mask = io.Find(variant + "/attention_mask");
        var padded = golden.Text("compare_positions") == "mask" && mask is not null ? mask.eq(0).unsqueeze(-1) : null;
        var hidden = Hidden(model, io, variant);
        report.Close(io[variant + "/hidden"], hidden, golden.Tolerance("hidden"), variant + "/hidden", except: padded);
        if (io.Find(variant + "/pooler") is { } pooler)
            report.Close(pooler, ((EncoderModel)model).Pooled(hidden)!, golden.Tolerance("pooler"), variant + "/pooler");
        var logits = Logits(model, io, variant, hidden);
        if (io.Find(variant + "/start_logits") is { } starts)
        {
            report.Close(starts, logits!.select(-1, 0), golden.Tolerance("logits"), variant + "/start_logits");
            report.Close(io[variant + "/end_logits"], logits!.select(-1, 1), golden.Tolerance("logits"), variant + "/end_logits");
        }
        else if (logits is not null)
        {
            report.Close(io[variant + "/logits"], logits, golden.Tolerance("logits"), variant + "/logits", except: logits.dim() == 3 ? padded : null);
        }

        report.Close(io.Scalar(variant + "/loss"), Loss(model, io, variant, hidden, logits).item<float>(), golden.Tolerance("loss"), variant + "/loss");
    }

    private static Tensor Hidden(BaseModel model, GoldenTensors io, string variant)
    {
        var (ids, mask) = (io[variant + "/input_ids"], io.Find(variant + "/attention_mask"));
        return model switch
        {
            EncoderModel encoder => encoder.Hidden(ids, mask, io.Find(variant + "/token_type_ids")),
            CausalLanguageModel decoder => decoder.Hidden(ids, mask),
            _ => throw new InvalidOperationException(model.ToString()),
        };
    }

    private static Tensor? Logits(BaseModel model, GoldenTensors io, string variant, Tensor hidden) => model switch
    {
        _ when model.Config.Task == ModelTask.FeatureExtraction => null,
        EncoderModel encoder => encoder.Logits(hidden),
        CausalLanguageModel decoder => TaskLoss.SequenceLogits(decoder, io[variant + "/input_ids"], io.Find(variant + "/attention_mask")),
        _ => throw new InvalidOperationException(model.ToString()),
    };

    private static Tensor Loss(BaseModel model, GoldenTensors io, string variant, Tensor hidden, Tensor? logits)
    {
        switch (model.Config.Task)
        {
            case ModelTask.SeqCls:
                return TaskLoss.Sequence(logits!, io[variant + "/labels"], model.Config);
            case ModelTask.TokenCls or ModelTask.MaskedLm:
                return TaskLoss.Tokens(logits!, io[variant + "/labels"]);
            case ModelTask.QuestionAns:
                return TaskLoss.Answers(logits!, io[variant + "/start_positions"], io[variant + "/end_positions"]);
            default:
                var loss = (hidden * (io.Find(variant + "/probe") ?? io["probe"])).sum();
                return ((EncoderModel)model).Pooled(hidden) is { } pooled ? loss + (pooled * (io.Find(variant + "/probe_pooler") ?? io["probe_pooler"])).sum() : loss;
        }
    }
}
