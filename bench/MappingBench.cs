using System.Diagnostics;
using System.Globalization;
using Peft.Core.Models;
using Peft.Core.Runtime;
using Peft.Core.Serialization;
using static TorchSharp.torch;

namespace Peft.Bench;

/// <summary>What mapping the weights gives: loading time, memory of one and of two processes on one base, speed of products on mapped weights.</summary>
internal static class MappingBench
{
    public static void Run(string folder)
    {
        var size = new FileInfo(Path.Combine(folder, "model.safetensors")).Length / 1048576.0;
        Load(folder, size);
        TwoProcesses(folder, size);
        Products(folder);
    }

    /// <summary>The child: loads a base in its own type, reads every weight once, says so, and waits for the end of its input.</summary>
    public static void Hold(string folder)
    {
        TorchRuntime.Initialize(1);
        using var model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = "bfloat16" });
        using (no_grad())
        {
            foreach (var parameter in model.Parameters)
            {
                using var largest = parameter.Value.max();
                using var number = largest.to(ScalarType.Float32);
                _ = number.item<float>();
            }
        }

        var mapped = model.Parameters.Count(parameter => InFile(parameter.Value));
        Console.WriteLine($"{mapped} of {model.Parameters.Count} weights are pages of their file");
        Console.WriteLine("ready");
        Console.In.ReadLine();
    }

    /// <summary>Whether a tensor's memory is a page of a file of weights.</summary>
    private static unsafe bool InFile(Tensor tensor)
    {
        long address;
        using (var first = tensor.flatten().narrow(0, 0, 1))
        {
            fixed (byte* pointer = first.bytes)
                address = (long)pointer;
        }

        return File.ReadLines("/proc/self/maps").Where(line => line.EndsWith(".safetensors", StringComparison.Ordinal)).Any(line =>
        {
            var range = line[..line.IndexOf(' ')].Split('-');
            return address >= long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture) && address < long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        });
    }

    private static void Load(string folder, double size)
    {
        var before = Resident(Environment.ProcessId, "Rss");
        var start = Stopwatch.GetTimestamp();
        using var model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = "bfloat16" });
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"load {size:F0} MiB of bf16 weights mapped: {seconds * 1e3:F0} ms, resident memory +{Resident(Environment.ProcessId, "Rss") - before:F0} MiB before first use"));
        start = Stopwatch.GetTimestamp();
        using var copied = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = "float32" });
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"load the same as float32 (a converted copy): {Stopwatch.GetElapsedTime(start).TotalSeconds * 1e3:F0} ms, resident memory +{Resident(Environment.ProcessId, "Rss") - before:F0} MiB"));
    }

    private static void TwoProcesses(string folder, double size)
    {
        using var first = Start(folder);
        var alone = Resident(first.Id, "Pss");
        var peak = Field($"/proc/{first.Id}/status", "VmHWM");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"its highest resident memory (VmHWM): {peak:F0} MiB, {peak / size:F2} times the file"));
        using var second = Start(folder);
        var both = Resident(first.Id, "Pss") + Resident(second.Id, "Pss");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"one process that has read all weights: PSS {alone:F0} MiB; two of them: {both:F0} MiB summed, so the second adds {both - alone:F0} MiB ({(both - alone) / alone:P1}) for a base of {size:F0} MiB"));
        foreach (var process in new[] { first, second })
        {
            process.StandardInput.Close();
            process.WaitForExit();
        }
    }

    private static Process Start(string folder)
    {
        var info = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            info.ArgumentList.Add(typeof(MappingBench).Assembly.Location);
        info.ArgumentList.Add("hold");
        info.ArgumentList.Add("--model");
        info.ArgumentList.Add(folder);
        var process = Process.Start(info)!;
        while (process.StandardOutput.ReadLine() is { } line && line != "ready")
            Console.WriteLine("  " + line);

        return process;
    }

    private static void Products(string folder)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        var mapped = file.Tensor("model.layers.0.mlp.gate_proj.weight");
        var owned = mapped.clone();
        var single = mapped.to(ScalarType.Float32);
        var x = randn([1024, mapped.shape[1]]);
        var x16 = x.to(ScalarType.BFloat16);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"linear 1024 x {mapped.shape[1]} -> {mapped.shape[0]}: bf16 mapped {Best(x16, mapped):F2} ms, bf16 owned {Best(x16, owned):F2} ms, float32 {Best(x, single):F2} ms"));
    }

    private static double Best(Tensor x, Tensor weight)
    {
        var best = double.MaxValue;
        for (var i = 0; i < 15; i++)
        {
            var start = Stopwatch.GetTimestamp();
            using var y = nn.functional.linear(x, weight);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return best;
    }

    private static double Resident(int process, string field) => Field($"/proc/{process}/smaps_rollup", field);

    private static double Field(string file, string field)
    {
        var line = File.ReadLines(file).First(l => l.StartsWith(field + ":", StringComparison.Ordinal));
        return double.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }
}
