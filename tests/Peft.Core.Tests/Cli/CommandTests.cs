using System.Diagnostics;
using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Tests.Training;
using Peft.Core.Training;

namespace Peft.Core.Tests.Cli;

/// <summary>The commands as processes, with their output in a pipe.</summary>
[Collection(TorchCollection.Name)]
public sealed class CommandTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void Train_OptionsInAPipe_WritesEventsAsJsonLines()
    {
        var (code, output) = Peft("train", "--base", tiny.Base, "--data", tiny.Dataset, "--method", "lora", "--set", "r=2", "--set", "target_modules=q_proj,v_proj", "--set", "learning_rate=0.01",
            "--max_steps", "2", "--test_records", "2", "--max_new_tokens", "4", "--output", tiny.Runs, "--threads", "1");

        var kinds = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["kind"]!.GetValue<string>()).ToArray();
        Assert.Equal(0, code);
        Assert.Equal(2, kinds.Count(kind => kind == "step"));
        Assert.Single(kinds, "metrics");
        var request = RunDirectory.ReadRequest(new RunPaths(Directory.EnumerateDirectories(tiny.Runs).Single()));
        Assert.Equal(["q_proj", "v_proj"], request.Peft["target_modules"]!.AsArray().Select(name => name!.GetValue<string>()));
        Assert.Equal(0.01, request.Training["learning_rate"]!.GetValue<double>());
        Assert.Null(request.Peft["learning_rate"]);
    }

    [Fact]
    public void Generate_WithBeams_AnswersInOnePiece_AndBadOptionsAreRefused()
    {
        var (code, output) = Peft("generate", "--base", tiny.Base, "--instruction", "请回答。", "--max_new_tokens", "5", "--num_beams", "2", "--early_stopping", "true", "--dtype", "float32", "--threads", "1");
        var kinds = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["kind"]!.GetValue<string>()).ToArray();
        Assert.Equal(0, code);
        Assert.Equal("done", kinds[^1]);
        Assert.True(kinds.Count(kind => kind == "token") <= 1);

        Assert.Equal(1, Peft("generate", "--base", tiny.Base, "--instruction", "x", "--num_beams", "0", "--top-k", "-1").Item1);
    }

    [Fact]
    public void Evaluate_WithAdapter_ReportsLossAndScores()
    {
        var paths = tiny.Order();
        RunTrainer.Run(paths.Root);

        var (code, alone) = Peft("evaluate", "--base", tiny.Base, "--data", tiny.Dataset, "--max_new_tokens", "4", "--dtype", "float32", "--threads", "1");
        var (_, adapted) = Peft("evaluate", "--base", tiny.Base, "--adapter", paths.Adapter, "--data", tiny.Dataset, "--max_new_tokens", "4", "--dtype", "float32", "--threads", "1");

        Assert.Equal(0, code);
        var (without, with) = (JsonNode.Parse(alone)!, JsonNode.Parse(adapted)!);
        Assert.Equal(4, with["records"]!.GetValue<int>());
        Assert.True(with["loss"]!.GetValue<double>() < without["loss"]!.GetValue<double>());
    }

    [Fact]
    public void Train_AbsentDevice_SaysSoBeforeItStarts()
    {
        var paths = tiny.Order();
        var request = RunDirectory.ReadRequest(paths) with { Id = "absent-device", Device = "cuda:7" };
        var absent = RunDirectory.Create(tiny.Runs, request);

        var (code, output) = Peft("train", "--run", absent.Root, "--log", "text");

        Assert.Equal(1, code);
        Assert.Contains("cuda:7", output, StringComparison.Ordinal);
        Assert.Empty(TinyRun.Events(absent).OfType<RunModelReady>());
    }

    [Fact]
    public void Train_BaseInAGgufFile_IsInspectedAndTrained()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Goldens", "data", "gguf", "qwen2_q4_0", "model.gguf");
        var (inspected, facts) = Peft("inspect", file);
        var (trained, output) = Peft("train", "--base", file, "--data", tiny.Dataset, "--method", "lora", "--set", "r=2", "--max_steps", "2", "--max_length", "100", "--test_records", "0",
            "--output", tiny.Runs, "--threads", "1");
        var (refused, message) = Peft("train", "--base", file, "--data", tiny.Dataset, "--method", "full", "--max_steps", "2", "--max_length", "100", "--output", tiny.Runs, "--threads", "1", "--log", "text");

        Assert.Equal((0, 0, 1), (inspected, trained, refused));
        Assert.Contains("Q4_0", JsonNode.Parse(facts)!["stored"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(2, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => JsonNode.Parse(line)!["kind"]!.GetValue<string>() == "step"));
        Assert.Contains("GGUF", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Adapters_MergedCombinedComparedAndWrittenForLlamaCpp_SayWhatTheyDid()
    {
        var paths = tiny.Order();
        RunTrainer.Run(paths.Root);
        var (merged, card) = (Path.Combine(tiny.Runs, "merged"), Path.Combine(tiny.Runs, "merged", "README.md"));

        var (code, output) = Peft("merge", "--base", tiny.Base, "--adapter", paths.Adapter, "--output", merged, "--name", "mine", "--max_shard_size", "0.0001", "--dtype", "float32", "--threads", "1", "--json");
        var lines = Lines(output);
        Assert.Equal(0, code);
        Assert.Equal(["load", "merge", "write"], lines.Where(line => line["kind"]!.GetValue<string>() == "stage").Select(line => line["stage"]!.GetValue<string>()));
        Assert.True(lines[^1]["result"]!["restored"]!.GetValue<bool>());
        Assert.True(Directory.EnumerateFiles(merged, "*.safetensors").Count() > 1);
        Assert.Contains("6 steps", File.ReadAllText(card), StringComparison.Ordinal);
        Assert.Contains("# mine", File.ReadAllText(card), StringComparison.Ordinal);
        Assert.Equal(0, Peft("inspect", merged).Code);

        var combined = Path.Combine(tiny.Runs, "combined");
        var (combines, progress) = Peft("combine", "--adapters", paths.Adapter, paths.Adapter, "--weights", "0.5", "-0.25", "--method", "svd", "--output", combined, "--threads", "1", "--json");
        Assert.Equal(0, combines);
        Assert.Contains(Lines(progress), line => line["kind"]!.GetValue<string>() == "progress");
        var (compares, rows) = Peft("compare", paths.Adapter, combined, "--threads", "1");
        Assert.Equal(0, compares);
        Assert.All(JsonNode.Parse(rows)!["rows"]!.AsArray(), row => Assert.Equal(1, row!["cosine"]!.GetValue<double>(), 3));

        var gguf = Path.Combine(tiny.Runs, "adapter.gguf");
        Assert.Equal(0, Peft("gguf", "--base", tiny.Base, "--adapter", paths.Adapter, "--output", gguf, "--threads", "1").Code);
        Assert.True(new FileInfo(gguf).Length > 1000);
    }

    private static JsonNode[] Lines(string output) => [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];

    private static (int Code, string Output) Peft(params string[] arguments)
    {
        var info = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        info.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "peft.dll"));
        foreach (var argument in arguments)
            info.ArgumentList.Add(argument);
        using var process = Process.Start(info)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        errors.Wait();
        return (process.ExitCode, output);
    }
}
