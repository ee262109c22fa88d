using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR.Client;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Xunit.Abstractions;

namespace Workbench.Server.Tests.Lifecycle;

/// <summary>Everything that can die, dying at random moments, again and again. The seeds are fixed; the moments still vary with the machine.</summary>
[Trait("Category", "Soak")]
public sealed class KillMatrixTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly string _data = ServerProcess.NewDataDirectory();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => ServerProcess.DeleteAsync(_data);

    [Theory]
    [InlineData("server")]
    [InlineData("trainer")]
    [InlineData("both")]
    [InlineData("ctrl-c")]
    public async Task Run_WhateverIsKilled_EndsBitIdenticallyWithEveryEventOnce(string victim)
    {
        const int steps = 700;
        var random = new Random(victim.Length);
        var paths = FakeRun.Create(_data, steps, stepMs: 10, saveSteps: 9);
        var id = Path.GetFileName(paths.Root);
        await using var server = await ServerProcess.StartAsync(_data);
        await server.WaitAsync(id, RunState.Paused);
        var viewer = await Viewer.JoinAsync(server, id);
        await server.CommandAsync(id, "resume");
        var kills = 0;
        for (var round = 0; round < 4; round++)
        {
            await server.WaitAsync(id, run => run.State is RunState.Training or RunState.Completed);
            await Task.Delay(random.Next(100, 900));
            if ((await server.FindAsync(id)).State == RunState.Completed)
                break;
            await HitAsync(victim, server, paths);
            kills++;
            if (victim != "trainer")
            {
                await server.RestartAsync();
                var again = await Viewer.JoinAsync(server, id, viewer);
                await viewer.DisposeAsync();
                viewer = again;
            }

            if (victim is "trainer" or "both")
            {
                await server.WaitAsync(id, RunState.Interrupted);
                await server.CommandAsync(id, "resume");
            }
        }

        await server.WaitAsync(id, RunState.Completed);

        FakeRun.AssertWhole(paths);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_data, steps), FakeRun.Losses(paths));
        var events = EventLogReader.ReadAll(paths).ToArray();
        await viewer.WaitForAsync(events[^1].Seq);
        viewer.AssertComplete(events[^1].Seq);
        await viewer.DisposeAsync();
        output.WriteLine($"{victim}: {kills} kills, {events[^1].Attempt} attempts, {events.Length} events, none lost, none twice");
    }

    /// <summary>Reports, but does not judge, how long an event needs from the trainer's clock to a viewer while every core is busy.</summary>
    [Fact]
    public async Task Event_WithTheMachineBusy_ReachesEveryViewerAndTheDelayIsReported()
    {
        var paths = FakeRun.Create(_data, steps: 400, stepMs: 25, saveSteps: 50);
        var id = Path.GetFileName(paths.Root);
        await using var server = await ServerProcess.StartAsync(_data);
        await server.WaitAsync(id, RunState.Paused);
        using var stop = new CancellationTokenSource();
        var burners = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Factory.StartNew(() => Burn(stop.Token), TaskCreationOptions.LongRunning)).ToArray();
        var delays = new List<double>();
        await using var hub = await server.ConnectAsync();
        hub.On<string, IReadOnlyList<JsonElement>>(nameof(IRunsClient.RunEvents), (_, events) =>
        {
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            lock (delays)
                delays.AddRange(events.Where(e => e.GetProperty("kind").GetString() == "step").Select(e => (double)(now - e.GetProperty("time").GetInt64())));
        });
        await hub.InvokeAsync(nameof(IRunsHub.JoinRun), id, 0L);
        var clock = Stopwatch.StartNew();
        await server.CommandAsync(id, "resume");
        await server.WaitAsync(id, run => run.Step > 0);
        var first = clock.Elapsed;
        await server.WaitAsync(id, RunState.Completed);
        await Task.Delay(500);
        await stop.CancelAsync();
        await Task.WhenAll(burners);

        double[] sorted = [.. delays.Order()];
        Assert.Equal(400, sorted.Length);
        output.WriteLine($"start to first step {first.TotalSeconds:F1} s; step to viewer: p50 {sorted[200]} ms, p95 {sorted[380]} ms, max {sorted[^1]} ms");
    }

    private static void Burn(CancellationToken stop)
    {
        var x = 1.0;
        while (!stop.IsCancellationRequested)
        {
            for (var i = 0; i < 1_000_000; i++)
                x = Math.Sqrt(x + i);
        }

        GC.KeepAlive(x);
    }

    private static async Task HitAsync(string victim, ServerProcess server, RunPaths paths)
    {
        if (victim is "trainer" or "both" && Programs.TrainerOf(paths.Root) is { } trainer)
            Programs.Signal("KILL", trainer);
        if (victim is "server" or "both")
            await server.KillAsync();
        if (victim == "ctrl-c")
            await server.InterruptAsync();
    }
}
