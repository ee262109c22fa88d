using System.Diagnostics;
using System.Globalization;
using Peft.Core.Generation;
using Peft.Core.Models;
using Peft.Core.Runtime;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using Generator = Peft.Core.Generation.Generator;

namespace Peft.Bench;

/// <summary>
/// One answer at a time with the cache of keys and values: every token reads every weight once, so the speed is set beside the memory
/// bandwidth that the same run measures.
/// </summary>
internal static class StreamBench
{
    private const int Prompt = 128, NewTokens = 64;

    public static void Run(string folder)
    {
        var bandwidth = Bandwidth();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"memory: {bandwidth / 1e9:F1} GB/s read by {TorchRuntime.Threads} thread(s)"));
        foreach (var dtype in new[] { "bfloat16", "float32" })
        {
            using var model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = dtype });
            manual_seed(1);
            using var ids = randint(0, model.Config.VocabSize, [1, Prompt], ScalarType.Int64).DetachFromDisposeScope();
            var one = Seconds(() => Generator.Generate(model, ids, null, new GenerationOptions { MaxNewTokens = 1 }));
            var many = Seconds(() => Generator.Generate(model, ids, null, new GenerationOptions { MaxNewTokens = NewTokens + 1 }));
            var perToken = (many - one) / NewTokens;

            // The embedding is read as the tied head; keys and values are those in the middle of the answer.
            var weights = model.Config.ParameterCount() * (double)DTypes.Size(model.DType);
            var cache = 2.0 * model.Config.NumHiddenLayers * model.Config.KeyWidth * (Prompt + (NewTokens / 2)) * DTypes.Size(model.DType);
            var read = (weights + cache) / perToken;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"stream {dtype}: {model.Config.ModelType} of {model.Config.ParameterCount() / 1e6:F0} M, {Prompt} tokens of prompt in {one:F2} s, then {1 / perToken:F1} tokens/s: {read / 1e9:F1} GB/s, {read / bandwidth:P0} of the memory bandwidth"));
        }
    }

    private static double Bandwidth()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var numbers = ones([256 << 20]); // 1 GiB, far beyond every cache
        var best = double.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            var start = Stopwatch.GetTimestamp();
            numbers.sum().Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return numbers.numel() * sizeof(float) / best;
    }

    private static double Seconds(Action action)
    {
        action();
        var best = double.MaxValue;
        for (var i = 0; i < 2; i++)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }
}
