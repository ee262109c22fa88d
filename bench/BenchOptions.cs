using System.Globalization;
using System.Runtime.Intrinsics.X86;
using Peft.Core;
using Peft.Core.Runtime;

namespace Peft.Bench;

/// <summary>What to measure, from the command line.</summary>
internal sealed record BenchOptions
{
    public string What { get; init; } = "all";

    public string Model { get; init; } = "";

    public int Threads { get; init; }

    public int Steps { get; init; } = 10;

    public int Batch { get; init; } = 8;

    public int Length { get; init; } = 216;

    public string Targets { get; init; } = "all-linear";

    public double LossShare { get; init; } = 0.25;

    public IReadOnlyList<string> Methods { get; init; } = ["LORA", "PREFIX_TUNING", "BITFIT"];

    public IReadOnlyList<string> Dtypes { get; init; } = ["float32", "bfloat16"];

    public string Quantize { get; init; } = "none";

    public static BenchOptions Parse(string[] args)
    {
        var options = new BenchOptions();
        for (var i = 0; i < args.Length; i++)
        {
            string Value() => i + 1 < args.Length ? args[++i] : throw new PeftException($"{args[i]} needs a value.");
            int Number() => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : throw new PeftException($"{args[i - 1]} needs a whole number.");
            options = args[i] switch
            {
                "all" or "steps" or "decode" or "stream" or "shapes" or "mapping" or "hold" or "qlora" or "qlora-run" => options with { What = args[i] },
                "--model" => options with { Model = Value() },
                "--threads" => options with { Threads = Number() },
                "--steps" => options with { Steps = Number() },
                "--batch" => options with { Batch = Number() },
                "--length" => options with { Length = Number() },
                "--targets" => options with { Targets = Value() },
                "--loss-share" => options with { LossShare = Number() / 100.0 },
                "--methods" => options with { Methods = Value().Split(',') },
                "--quantize" => options with { Quantize = Value() },
                "--dtypes" => options with { Dtypes = Value().Split(',') },
                _ => throw new PeftException($"Unknown argument '{args[i]}'. Known: all, steps, decode, stream, shapes, mapping, qlora, --model, --threads, --steps, --batch, --length, --targets, --loss-share (in %), --methods, --dtypes."),
            };
        }

        return options with { Model = options.Model.Length > 0 || options.What is "shapes" or "mapping" or "stream" or "qlora" ? options.Model : FindSample() };
    }

    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"model {Model}, {TorchRuntime.Threads} thread(s) of {Environment.ProcessorCount}, AVX-512 {(Avx512F.IsSupported ? "yes" : "no")}, fast bf16 {(TorchRuntime.CpuBFloat16IsFast ? "yes" : "no")}");

    /// <summary>The sample base of the repository, looked for from the working directory upwards.</summary>
    private static string FindSample()
    {
        for (var folder = new DirectoryInfo(Environment.CurrentDirectory); folder is not null; folder = folder.Parent)
        {
            var sample = Path.Combine(folder.FullName, "samples", "models", "mini-llama-zh");
            if (Directory.Exists(sample))
                return sample;
        }

        throw new PeftException("The sample base (samples/models/mini-llama-zh) was not found; give a base with --model.");
    }
}
