using System.Diagnostics;
using System.Globalization;
using Peft.Core;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Quantization;
using Peft.Core.Runtime;
using static TorchSharp.torch;

namespace Peft.Bench;

/// <summary>
/// QLoRA beside LoRA over bfloat16, with bfloat16 between the layers and as <c>prepare_model_for_kbit_training</c> has it (float32 there, layers
/// computed again for their gradients): memory of the quantised matrices, peak memory above an empty process, seconds a step. Each runs in a
/// process of its own, since a peak cannot be taken back.
/// </summary>
internal static class QloraBench
{
    public static void Run(BenchOptions options)
    {
        using var half = RandomModel.HalfBillion();
        Console.WriteLine("0.5B shape of Qwen2.5, batch 1 x 256 tokens, LoRA r 8 on every linear layer");
        Console.WriteLine("base             matrices MiB  peak above empty MiB  s/step");
        var plain = Child(options, half.Folder, "none");
        Compare(plain, Child(options, half.Folder, "nf4"));
        Compare(plain, Child(options, half.Folder, "prepared"));
    }

    private static void Compare(double[] plain, double[] quantized) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"4-bit / bf16     {quantized[0] / plain[0],12:F3}  {quantized[1] / plain[1],20:F3}  {quantized[2] / plain[2],6:F2}"));

    /// <summary>One measurement, printed for the parent.</summary>
    public static void Measure(BenchOptions options)
    {
        using (var warm = ones(64, 64))
        using (var product = warm.mm(warm))
        {
            // The library is loaded and its threads are started: what follows is the run's own.
        }

        var empty = ProcessMemory.Peak;
        var quantization = options.Quantize == "none" ? null : new QuantizationConfig
        {
            LoadIn4Bit = true,
            Bnb4BitQuantType = "nf4",
            Bnb4BitUseDoubleQuant = true,
            Bnb4BitComputeDtype = TorchRuntime.CpuBFloat16IsFast ? "bfloat16" : "float32",
            PrepareModelForKbitTraining = options.Quantize == "prepared",
        };
        using var model = CausalLanguageModel.Load(options.Model, new ModelLoadOptions { Dtype = "bfloat16", Quantization = quantization });
        using var adapter = PeftMethods.Create(model, new LoraConfig { LoraAlpha = 16, TargetModules = ModuleSelector.FromPattern("all-linear") });
        model.Training = true;
        using var ids = randint(0, model.Config.VocabSize, [1, 256], ScalarType.Int64).DetachFromDisposeScope();
        var again = options.Quantize == "prepared";
        Step(model, adapter, ids, again);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < options.Steps; i++)
            Step(model, adapter, ids, again);
        var seconds = clock.Elapsed.TotalSeconds / options.Steps;
        var matrices = model.Linears.Sum(l => l.WeightParameter.Quantized is { } weight ? weight.Tensor.Bytes : l.Weight.numel() * 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{matrices / 1048576.0} {(ProcessMemory.Peak - empty) / 1048576.0} {seconds}"));
    }

    private static void Step(CausalLanguageModel model, PeftAdapter adapter, Tensor ids, bool recompute)
    {
        using var scope = NewDisposeScope();
        model.Recomputation = recompute ? new Recomputation(scope) : null;
        CausalLoss.Compute(model, ids, null, ids).backward();
        using var gradOff = no_grad();
        foreach (var (_, parameter) in adapter.Trainable)
        {
            using var gradient = parameter.grad!;
            parameter.add_(gradient, -1e-3f);
            gradient.zero_();
        }
    }

    private static double[] Child(BenchOptions options, string folder, string quantize)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(QloraBench).Assembly.Location);
        string[] arguments =
        [
            "qlora-run", "--model", folder, "--quantize", quantize,
            "--threads", options.Threads.ToString(CultureInfo.InvariantCulture), "--steps", options.Steps.ToString(CultureInfo.InvariantCulture),
        ];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new PeftException($"The measurement of {quantize} failed with code {process.ExitCode}.");
        var numbers = output.Trim().Split('\n')[^1].Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(quantize == "none" ? "bfloat16" : quantize == "nf4" ? "nf4, double" : "nf4, prepared"),-16} {numbers[0],12:F0}  {numbers[1],20:F0}  {numbers[2],6:F2}"));
        return numbers;
    }
}
