using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core;

namespace Peft.Bench;

/// <summary>
/// The fixed configurations A to D with every method, each in a process of its own, since a peak of memory cannot be taken back. Weights are
/// random and seeded. Prints a table and writes every row as JSON, so that other programs' rows on the same folders can be laid beside.
/// </summary>
internal static class HarnessBench
{
    private static readonly Dictionary<string, Configuration> s_configurations = new(StringComparer.OrdinalIgnoreCase)
    {
        ["A"] = new("Llama 11M", RandomModel.TenMillion, "fp32", 8, 256, RowOptions.KnownMethods),
        ["B"] = new("GPT-2 124M", RandomModel.Gpt2, "fp32", 8, 256, RowOptions.KnownMethods),
        ["C"] = new("Qwen2.5 0.5B", RandomModel.HalfBillionQwen2, "bf16", 2, 512, ["lora", "prefix", "bitfit"]),
        ["D"] = new("BERT base", RandomModel.BertBase, "fp32", 8, 256, ["lora", "prefix", "bitfit"]),
    };

    public static Command Command()
    {
        var which = new Option<string>("--configurations") { Description = "Of A, B, C, D.", DefaultValueFactory = _ => "A,B,C,D" };
        var methods = new Option<string?>("--methods") { Description = "Of lora, prefix, bitfit, full." };
        var warmup = new Option<int>("--warmup") { DefaultValueFactory = _ => 3 };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 10 };
        var threads = new Option<int>("--threads") { Description = "0 means all cores.", DefaultValueFactory = _ => 0 };
        var output = new Option<string>("--out") { Description = "Folder for bases and rows.", DefaultValueFactory = _ => "bench-results" };
        var again = new Option<bool>("--gradient_checkpointing");
        var command = new Command("harness", "Times configurations A to D with every method.") { which, methods, warmup, steps, threads, output, again };
        command.SetAction(parsed => Run(
            parsed.GetValue(which)!.Split(',', StringSplitOptions.TrimEntries),
            parsed.GetValue(methods)?.Split(',', StringSplitOptions.TrimEntries),
            new RowOptions { Warmup = parsed.GetValue(warmup), Steps = parsed.GetValue(steps), Threads = parsed.GetValue(threads), GradientCheckpointing = parsed.GetValue(again) },
            Path.GetFullPath(parsed.GetValue(output)!)));
        return command;
    }

    private static void Run(string[] which, string[]? methods, RowOptions common, string folder)
    {
        Directory.CreateDirectory(folder);
        var rows = new JsonArray();
        Console.WriteLine("configuration            method   s/step  tokens/s  forward  backward  optimizer  peak MiB  of GEMM peak");
        foreach (var name in which)
        {
            if (!s_configurations.TryGetValue(name, out var configuration))
                throw new PeftException($"--configurations {name}: known are {string.Join(", ", s_configurations.Keys)}.");
            using var model = configuration.Make();
            foreach (var method in configuration.Methods.Where(method => methods is null || methods.Contains(method)))
            {
                var options = common with
                {
                    Model = model.Folder, Method = method, Dtype = configuration.Dtype, Batch = configuration.Batch, Seq = configuration.Seq,
                    Out = Path.Combine(folder, $"{name}-{method}.json"),
                };
                var row = Child(options);
                row["configuration"] = name;
                rows.Add(row);
                double Of(string field) => row[field]!.GetValue<double>();
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name + " " + configuration.Name,-24} {method,-7} {Of("step_s_median"),7:F3}  {Of("tokens_per_s"),8:F0}  {Of("forward_s"),7:F3}  {Of("backward_s"),8:F3}  {Of("optimizer_s"),9:F4}  {Of("peak_rss_mb"),8:F0}  {Of("gemm_peak_share"),12:P0}"));
            }
        }

        File.WriteAllText(Path.Combine(folder, "rows.json"), rows.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    private static JsonObject Child(RowOptions options)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!);
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(HarnessBench).Assembly.Location);
        foreach (var argument in options.Arguments())
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode == 0
            ? JsonNode.Parse(File.ReadAllText(options.Out!))!.AsObject()
            : throw new PeftException($"The measurement of {options.Method} failed with code {process.ExitCode}.");
    }

    private sealed record Configuration(string Name, Func<RandomModel> Make, string Dtype, int Batch, int Seq, string[] Methods);
}
