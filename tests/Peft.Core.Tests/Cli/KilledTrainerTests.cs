using System.Diagnostics;
using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Tests.Training;

namespace Peft.Core.Tests.Cli;

/// <summary>The real worker as its own process: killed at some step without warning, then started again.</summary>
[Collection(TorchCollection.Name)]
public sealed class KilledTrainerTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void Train_KilledAtARandomStep_ResumesBitForBit()
    {
        var training = new JsonObject { ["max_steps"] = 60, ["save_steps"] = 4 };
        var whole = tiny.Order(training: training);
        var killed = tiny.Order(training: training);
        Assert.Equal(0, Train(whole));
        var victim = Start(killed);
        var at = 5 + Random.Shared.Next(30);
        WaitFor(killed, at, victim);
        victim.Kill();
        victim.WaitForExit();
        var before = TinyRun.Losses(killed).Count;

        Assert.Equal(0, Train(killed));

        Assert.True(before is >= 5 and < 60, $"killed after step {before}");
        Assert.Equal(TinyRun.Losses(whole), TinyRun.Losses(killed));
        Assert.Equal(2, TinyRun.Events(killed)[^1].Attempt);
        Assert.True(TinyRun.Events(killed).OfType<RunResumed>().Single().FromStep % 4 == 0);
    }

    [Fact]
    public void Train_BadOptions_NamesThemAndReturnsOne()
    {
        using var process = Run("train", "--base", tiny.Base, "--data", tiny.Dataset, "--r", "0", "--lr", "0", "--output", tiny.Runs, "--log", "text");
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();

        Assert.Equal(1, process.ExitCode);
        Assert.Contains("learning_rate", output, StringComparison.Ordinal);
        Assert.Contains("r:", output, StringComparison.Ordinal);
    }

    private static int Train(RunPaths paths)
    {
        using var process = Start(paths);
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }

    private static Process Start(RunPaths paths) => Run("train", "--run", paths.Root, "--log", "json");

    private static Process Run(params string[] arguments)
    {
        var info = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet") { RedirectStandardOutput = true };
        info.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "peft.dll"));
        foreach (var argument in arguments)
            info.ArgumentList.Add(argument);
        return Process.Start(info)!;
    }

    private static void WaitFor(RunPaths paths, int step, Process process)
    {
        while (!process.HasExited && TinyRun.Losses(paths).Count < step)
            Thread.Sleep(1);
    }
}
