using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Bench;

/// <summary>Training steps (forward, loss, backward, update) of the sample's shape per method and element type.</summary>
internal static class StepBench
{
    public static void Run(BenchOptions options, GemmCalibration calibration)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"training steps: batch {options.Batch} x {options.Length} tokens, {options.LossShare:P0} of them with loss, LoRA r 8 on {options.Targets}"));
        Console.WriteLine("method         dtype     ms/step  CPU ms/step  tokens/s  GFLOP/s  share of GEMM  peak MiB so far");
        foreach (var dtype in options.Dtypes)
        {
            foreach (var method in options.Methods)
                RunOne(options, calibration, method, dtype);
        }
    }

    private static PeftConfig Config(string method, string targets) => PeftConfig.FromJson(new JsonObject
    {
        ["peft_type"] = method,
        ["r"] = 8,
        ["lora_alpha"] = 16,
        ["target_modules"] = targets == "all-linear" ? targets : new JsonArray([.. targets.Split(',').Select(t => (JsonNode)t)]),
        ["num_virtual_tokens"] = 20,
        ["prefix_projection"] = true,
        ["encoder_hidden_size"] = 256,
    });

    private static void RunOne(BenchOptions options, GemmCalibration calibration, string method, string dtype)
    {
        using var model = CausalLanguageModel.Load(options.Model, new ModelLoadOptions { Dtype = dtype });
        manual_seed(1);
        using var adapter = PeftMethods.Create(model, Config(method, options.Targets));
        model.Training = true;
        using var ids = randint(0, model.Config.VocabSize, [options.Batch, options.Length], ScalarType.Int64).DetachFromDisposeScope();
        using var labels = ids.clone();
        using (var prompt = labels.narrow(1, 0, (long)(options.Length * (1 - options.LossShare))))
            prompt.fill_(-100);
        Step(model, adapter, ids, labels);
        Step(model, adapter, ids, labels);
        using var process = Process.GetCurrentProcess();
        var (cpu, start) = (process.TotalProcessorTime, Stopwatch.GetTimestamp());
        for (var i = 0; i < options.Steps; i++)
            Step(model, adapter, ids, labels);
        process.Refresh();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds / options.Steps;
        var cpuSeconds = (process.TotalProcessorTime - cpu).TotalSeconds / options.Steps;
        var tokens = options.Batch * options.Length;
        var flops = FlopCount(model.Config, tokens, options.Length, options.LossShare);
        var rate = flops / seconds / 1e9;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{method,-14} {dtype,-9} {seconds * 1e3,7:F0}  {cpuSeconds * 1e3,11:F0}  {tokens / seconds,8:F0}  {rate,7:F1}  {rate / calibration.For(model.DType),13:P0}  {PeakMemory(),8:F0}"));
    }

    private static void Step(CausalLanguageModel model, PeftAdapter adapter, Tensor ids, Tensor labels)
    {
        using var scope = NewDisposeScope();
        CausalLoss.Compute(model, ids, null, labels).backward();
        using var gradOff = no_grad();
        foreach (var (_, parameter) in adapter.Trainable)
        {
            using var gradient = parameter.grad!;
            parameter.add_(gradient, -1e-3f);
            gradient.zero_();
        }
    }

    /// <summary>
    /// Multiply-adds of a step with a frozen base, counted twice each: forward and the gradient of the inputs through every linear layer,
    /// attention three times that of its forward, the head at the positions with loss. What the adapter adds is left out.
    /// </summary>
    private static double FlopCount(ModelConfig config, long tokens, long length, double lossShare)
    {
        var linears = config.Linears().Sum(l => 2.0 * l.InFeatures * l.OutFeatures) * tokens * 2;
        var head = 2.0 * config.HiddenSize * config.VocabSize * tokens * lossShare * 2;
        var attention = 2.0 * config.NumHiddenLayers * config.NumAttentionHeads * config.HeadDim * tokens * length * 3;
        return linears + head + attention;
    }

    /// <summary>Highest resident memory of the process so far, in MiB.</summary>
    private static double PeakMemory()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1048576.0;
    }
}
