using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Lifecycle;

/// <summary>Real processes: server, trainer, viewers; and what may happen to each of them.</summary>
public sealed class ServerLifecycleTests : IAsyncLifetime
{
    private ServerProcess _server = null!;

    public async Task InitializeAsync() => _server = await ServerProcess.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Run_Undisturbed_ReachesEveryViewerAndLeavesItsResult()
    {
        var run = await OrderAsync(steps: 60, stepMs: 10);
        await using var early = await Viewer.JoinAsync(_server, run.Id);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, state => state.Step > 20);
        await using var late = await Viewer.JoinAsync(_server, run.Id);

        var summary = await _server.WaitAsync(run.Id, RunState.Completed);

        var last = EventLogReader.ReadAll(run.Paths).Last().Seq;
        await early.WaitForAsync(last);
        await late.WaitForAsync(last);
        early.AssertComplete(last);
        late.AssertComplete(last);
        Assert.Equal(60, summary.Step);
        Assert.Equal(0.5, summary.Result!.F1);
        var page = await _server.Http.SendAsync<PredictionPage>(HttpMethod.Get, $"{Routes.Runs}/{run.Id}/predictions?split=test&wrong=true");
        Assert.Equal(TripleVerdict.Wrong, Assert.Single(page.Rows).Triples[0].Verdict);
        var log = await _server.Http.SendAsync<LogTail>(HttpMethod.Get, $"{Routes.Runs}/{run.Id}/log?tail=1000");
        Assert.Contains("training from step 0", log.Text, StringComparison.Ordinal);
        await using var zip = new ZipArchive(await _server.Http.GetStreamAsync(new Uri($"{Routes.Runs}/{run.Id}/adapter.zip", UriKind.Relative)));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], zip.Entries.Select(entry => entry.FullName));
    }

    [Fact]
    public async Task Server_KilledMidRun_LosesNoEventAndFindsTheTrainerAgain()
    {
        var run = await OrderAsync(steps: 300, stepMs: 10);
        await using var before = await Viewer.JoinAsync(_server, run.Id);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, state => state.Step > 30);

        await _server.KillAsync();
        var trainer = Programs.TrainerOf(run.Paths.Root);
        await _server.RestartAsync();
        await using var after = await Viewer.JoinAsync(_server, run.Id, before);
        await _server.WaitAsync(run.Id, RunState.Completed);

        Assert.NotNull(trainer);
        FakeRun.AssertWhole(run.Paths);
        var events = EventLogReader.ReadAll(run.Paths).ToArray();
        Assert.All(events, e => Assert.Equal(1, e.Attempt));
        await after.WaitForAsync(events[^1].Seq);
        after.AssertComplete(events[^1].Seq);
    }

    [Fact]
    public async Task CtrlC_OnTheServer_LeavesTheTrainerAtWork()
    {
        var run = await OrderAsync(steps: 300, stepMs: 10);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, state => state.Step > 10);

        await _server.InterruptAsync();
        Assert.True(TrainerLock.IsHeld(run.Paths), "the trainer ended with the server:\n" + _server.Output);
        await _server.RestartAsync();

        await _server.WaitAsync(run.Id, RunState.Completed);
        Assert.All(EventLogReader.ReadAll(run.Paths), e => Assert.Equal(1, e.Attempt));
    }

    [Fact]
    public async Task Trainer_Killed_IsInterruptedAndResumesBitIdentically()
    {
        var run = await OrderAsync(steps: 200, stepMs: 5);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, state => state.Step > 35);

        Programs.Signal("KILL", Programs.TrainerOf(run.Paths.Root)!.Value);
        var interrupted = await _server.WaitAsync(run.Id, RunState.Interrupted);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, RunState.Completed);

        Assert.Contains("Resume goes on", interrupted.Message, StringComparison.Ordinal);
        FakeRun.AssertWhole(run.Paths);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_server.Data, 200), FakeRun.Losses(run.Paths));
    }

    [Fact]
    public async Task Pause_AndResume_GoesOnFromTheSameStepAndRefusesASecondTrainer()
    {
        var run = await OrderAsync(steps: 200, stepMs: 10);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, state => state.Step > 10);

        var twice = await _server.Http.RefusedAsync(HttpMethod.Post, $"{Routes.Runs}/{run.Id}/resume", HttpStatusCode.Conflict);
        var (code, errors) = await Programs.TrainAsync(run.Paths.Root);
        var deleting = await _server.Http.RefusedAsync(HttpMethod.Delete, $"{Routes.Runs}/{run.Id}", HttpStatusCode.Conflict);
        await _server.CommandAsync(run.Id, "pause");
        await _server.WaitAsync(run.Id, RunState.Paused);
        await WaitForLockAsync(run.Paths);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, RunState.Completed);

        Assert.Contains("still working", twice, StringComparison.Ordinal);
        Assert.Equal(1, code);
        Assert.Contains("cannot be started or resumed twice", errors, StringComparison.Ordinal);
        Assert.Contains("Stop it first", deleting, StringComparison.Ordinal);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_server.Data, 200), FakeRun.Losses(run.Paths));
    }

    [Fact]
    public async Task Stop_WhileTraining_EndsAsStoppedAndCanBeDeleted()
    {
        var run = await OrderAsync(steps: 2000, stepMs: 5);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, state => state.Step > 5);

        await _server.CommandAsync(run.Id, "stop");
        var stopped = await _server.WaitAsync(run.Id, RunState.Stopped);
        await WaitForLockAsync(run.Paths);
        using var gone = await _server.Http.DeleteAsync(new Uri($"{Routes.Runs}/{run.Id}", UriKind.Relative));

        Assert.InRange(stopped.Step, 6, 1999);
        Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        Assert.False(Directory.Exists(run.Paths.Root));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_server.Data, "trash")));
        await _server.Http.RefusedAsync(HttpMethod.Get, $"{Routes.Runs}/{run.Id}", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Kill_OfATrainerThatDoesNotStop_EndsTheRunAndLetsItResume()
    {
        var run = await OrderAsync(steps: 400, stepMs: 5);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, state => state.Step > 35);
        var early = await _server.Http.RefusedAsync(HttpMethod.Post, $"{Routes.Runs}/{run.Id}/kill", HttpStatusCode.Conflict);

        Programs.Signal("STOP", Programs.TrainerOf(run.Paths.Root)!.Value); // it hears nothing any more
        await _server.CommandAsync(run.Id, "stop");
        await _server.WaitAsync(run.Id, RunState.Stopping);
        await _server.CommandAsync(run.Id, "kill");
        await _server.WaitAsync(run.Id, RunState.Stopped);
        await _server.CommandAsync(run.Id, "resume");
        await _server.WaitAsync(run.Id, RunState.Completed);

        Assert.Contains("Stop it first", early, StringComparison.Ordinal);
        FakeRun.AssertWhole(run.Paths);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_server.Data, 400), FakeRun.Losses(run.Paths));
    }

    [Fact]
    public async Task Trainer_ThatFails_SaysWhyInTheRun()
    {
        var run = await OrderAsync(steps: 100, stepMs: 1, more: ("fake_fail_step", 15));
        await _server.CommandAsync(run.Id, "resume");

        var failed = await _server.WaitAsync(run.Id, RunState.Failed);

        Assert.Equal("The loss is not a number at step 15. Lower learning_rate.", failed.Message);
    }

    [Fact]
    public async Task Queue_WithOnePlace_TrainsOneAfterAnother()
    {
        var first = await OrderAsync(steps: 150, stepMs: 10);
        var second = await OrderAsync(steps: 20, stepMs: 1);
        await _server.CommandAsync(first.Id, "resume");
        await _server.WaitAsync(first.Id, RunState.Training);

        var waiting = await _server.CommandAsync(second.Id, "resume");
        await _server.WaitAsync(second.Id, RunState.Completed);

        Assert.Equal((RunState.Queued, 1), (waiting.State, waiting.QueuePosition));
        var firstEnded = EventLogReader.ReadAll(first.Paths).Last().Time;
        var secondBegan = EventLogReader.ReadAll(second.Paths).First().Time;
        Assert.True(secondBegan >= firstEnded, $"the second began at {secondBegan}, before the first ended at {firstEnded}");
    }

    private async Task<(string Id, RunPaths Paths)> OrderAsync(int steps, int stepMs, params (string Key, int Value)[] more)
    {
        // Written as 'peft train' on the command line would; the server adopts it at its next start.
        var paths = FakeRun.Create(_server.Data, steps, stepMs, more: more);
        await _server.KillAsync();
        await _server.RestartAsync();
        var id = Path.GetFileName(paths.Root);
        await _server.WaitAsync(id, RunState.Paused);
        return (id, paths);
    }

    private static async Task WaitForLockAsync(RunPaths paths)
    {
        while (TrainerLock.IsHeld(paths))
            await Task.Delay(20);
    }
}
