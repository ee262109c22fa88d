using System.Text.Json.Nodes;
using Peft.Core.Runs;

namespace Workbench.Server.Tests.Lifecycle;

/// <summary>Run directories for the trainer without tensors, and what their logs must say.</summary>
internal static class FakeRun
{
    public static RunPaths Create(string dataDirectory, int steps = 60, int stepMs = 5, int saveSteps = 10, params (string Key, int Value)[] more)
    {
        var training = new JsonObject { ["max_steps"] = steps, ["fake_step_ms"] = stepMs, ["save_steps"] = saveSteps };
        foreach (var (key, value) in more)
            training[key] = value;
        return RunDirectory.Create(Path.Combine(dataDirectory, "runs"), new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            Name = "fake run",
            BaseModel = "models/none",
            Dataset = "datasets/none",
            Peft = new JsonObject { ["peft_type"] = "LORA" },
            Training = training,
            CreatedAt = DateTimeOffset.UnixEpoch,
        });
    }

    /// <summary>The losses that count, by step.</summary>
    public static IReadOnlyList<(int Step, double Loss)> Losses(RunPaths paths) =>
        [.. EffectiveEvents.Of(EventLogReader.ReadAll(paths)).OfType<RunStep>().Select(step => (step.Step, step.Loss))];

    /// <summary>The losses of a run that nothing happened to.</summary>
    public static async Task<IReadOnlyList<(int Step, double Loss)>> UndisturbedLossesAsync(string dataDirectory, int steps)
    {
        var paths = Create(Path.Combine(dataDirectory, "undisturbed"), steps, stepMs: 0);
        var (code, errors) = await Programs.TrainAsync(paths.Root);
        Assert.True(code == 0, errors);
        return Losses(paths);
    }

    /// <summary>Every line can be read, and the numbers grow by one from 1: no event lost, none twice.</summary>
    public static void AssertWhole(RunPaths paths)
    {
        var seqs = EventLogReader.ReadAll(paths).Select(e => e.Seq).ToArray();
        Assert.Equal(Enumerable.Range(1, seqs.Length).Select(n => (long)n), seqs);
        Assert.EndsWith("\n", File.ReadAllText(paths.Events), StringComparison.Ordinal);
        Assert.Equal(seqs.Length, File.ReadLines(paths.Events).Count());
    }
}
