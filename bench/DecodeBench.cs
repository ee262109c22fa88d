using System.Diagnostics;
using System.Globalization;
using Peft.Core.Generation;
using Peft.Core.Models;
using static TorchSharp.torch;
using Generator = Peft.Core.Generation.Generator;

namespace Peft.Bench;

/// <summary>Greedy decoding of a batch of prompts, as the evaluation does it.</summary>
internal static class DecodeBench
{
    private const int Rows = 32, Prompt = 128, NewTokens = 60;

    public static void Run(BenchOptions options)
    {
        foreach (var dtype in options.Dtypes)
        {
            using var model = CausalLanguageModel.Load(options.Model, new ModelLoadOptions { Dtype = dtype });
            manual_seed(1);
            using var ids = randint(0, model.Config.VocabSize, [Rows, Prompt], ScalarType.Int64).DetachFromDisposeScope();
            var settings = new GenerationOptions { MaxNewTokens = NewTokens };
            Generator.Generate(model, ids, null, settings with { MaxNewTokens = 2 });
            using var process = Process.GetCurrentProcess();
            var (cpu, start) = (process.TotalProcessorTime, Stopwatch.GetTimestamp());
            Generator.Generate(model, ids, null, settings);
            process.Refresh();
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"decode {dtype}: {Rows} prompts of {Prompt} tokens, {NewTokens} new ones each: {seconds:F2} s, {(process.TotalProcessorTime - cpu).TotalSeconds:F2} CPU s, {Rows * NewTokens / seconds:F0} tokens/s"));
        }
    }
}
