using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runtime;
using Peft.Core.Tensors;
using Peft.Core.Training;
using static TorchSharp.torch;

namespace Peft.Bench;

/// <summary>One configuration, timed step by step in the trainer's own loop.</summary>
internal static class RowBench
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static void Run(RowOptions options)
    {
        var json = Measure(options).ToJsonString(s_indented);
        if (options.Out is { } file)
            File.WriteAllText(file, json + "\n");
        else
            Console.WriteLine(json);
    }

    public static JsonObject Measure(RowOptions options)
    {
        TorchRuntime.Initialize(options.Threads);
        var peak = GemmCalibration.Of(DTypes.FloatFromName(options.DtypeName)!.Value, TorchRuntime.ResolveDevice(options.Device));
        using var model = BaseModel.Load(options.Model, new ModelLoadOptions { Dtype = options.DtypeName, Device = options.Device, Task = Task(options.Model) });
        manual_seed(0);
        using var adapter = PeftMethods.Create(model, Config(options.Method, model.Config.Task));
        var all = options.Warmup + options.Steps;
        var data = options.Data is { } file ? RowData.Read(file, options.Seq) : RowData.Random(model.Config, options.Batch, options.Seq, all);
        using var loop = new TrainingLoop(model, adapter, data, new TrainingArguments
        {
            PerDeviceTrainBatchSize = options.Batch,
            MaxSteps = all,
            LearningRate = options.LearningRate,
            LrSchedulerType = "constant",
            MaxGradNorm = 1,
            TrainSamplingStrategy = "sequential",
            GradientCheckpointing = options.GradientCheckpointing,
        });
        var steps = Enumerable.Range(0, all).Select(_ => loop.TrainStep()).ToArray();
        var timed = steps[options.Warmup..];
        var seconds = Median(timed.Select(step => step.Seconds));
        var flops = timed.Average(step => FlopCount(model.Config, options, step.Tokens, data));
        return new JsonObject
        {
            ["program"] = "peft-workbench " + typeof(TrainingLoop).Assembly.GetName().Version?.ToString(3),
            ["model"] = options.Model,
            ["method"] = options.Method,
            ["dtype"] = options.Dtype,
            ["batch"] = options.Batch,
            ["seq"] = options.Seq,
            ["warmup"] = options.Warmup,
            ["steps"] = options.Steps,
            ["threads"] = TorchRuntime.Threads,
            ["device"] = options.Device,
            ["gradient_checkpointing"] = options.GradientCheckpointing,
            ["learning_rate"] = options.LearningRate,
            ["step_s_median"] = seconds,
            ["tokens_per_s"] = timed.Sum(step => (double)step.Tokens) / timed.Sum(step => step.Seconds),
            ["forward_s"] = Median(timed.Select(step => step.ForwardSeconds)),
            ["backward_s"] = Median(timed.Select(step => step.BackwardSeconds)),
            ["optimizer_s"] = Median(timed.Select(step => step.OptimizerSeconds)),
            ["losses"] = Numbers(steps.Select(step => step.Loss)),
            ["grad_norms"] = Numbers(steps.Select(step => step.GradNorm)),
            ["peak_rss_mb"] = ProcessMemory.Peak / 1048576.0,
            ["trainable"] = adapter.Count.Trainable,
            ["all"] = adapter.Count.All,
            ["gemm_gflops"] = peak,
            ["gflops"] = flops / seconds / 1e9,
            ["gemm_peak_share"] = flops / seconds / 1e9 / peak,
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["libtorch"] = __version__,
        };
    }

    /// <summary>What the folder's config says the model is for, where that is labels of texts; else what its architecture does first.</summary>
    private static ModelTask? Task(string folder)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        var architecture = (config?["architectures"] as JsonArray)?.FirstOrDefault()?.GetValue<string>() ?? "";
        return architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal) ? ModelTask.SeqCls : null;
    }

    private static PeftConfig Config(string method, ModelTask task) => PeftConfig.FromJson(method switch
    {
        "lora" => new JsonObject { ["peft_type"] = "LORA", ["r"] = 8, ["lora_alpha"] = 16, ["task_type"] = task.Name() },
        "prefix" => new JsonObject { ["peft_type"] = "PREFIX_TUNING", ["num_virtual_tokens"] = 20, ["task_type"] = task.Name() },
        "bitfit" => new JsonObject { ["peft_type"] = "BITFIT", ["task_type"] = task.Name() },
        _ => new JsonObject { ["peft_type"] = "FULL", ["task_type"] = task.Name() },
    });

    /// <summary>
    /// Multiply-adds of a step, counted twice each: forward, the gradient of the inputs and, where everything trains, that of the weights, through
    /// every linear layer; attention three times its forward (half of it where tokens see only those before); the head where there are labels.
    /// What an adapter adds is left out.
    /// </summary>
    private static double FlopCount(ModelConfig config, RowOptions options, int tokens, RowData data)
    {
        var passes = options.Method == "full" ? 3 : 2;
        var length = options.Data is null ? options.Seq : data.Lengths.Average();
        var linears = config.Linears().Sum(l => 2.0 * l.InFeatures * l.OutFeatures) * tokens * passes;
        var head = config.Task == ModelTask.CausalLm ? 2.0 * config.HiddenSize * config.VocabSize * tokens * passes : 0;
        var attention = (config.Task == ModelTask.CausalLm ? 2.0 : 4.0) * config.NumHiddenLayers * config.NumAttentionHeads * config.HeadDim * tokens * length * 3;
        return linears + head + attention;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static JsonArray Numbers(IEnumerable<double> values) => new([.. values.Select(value => (JsonNode)JsonValue.Create(value))]);
}
