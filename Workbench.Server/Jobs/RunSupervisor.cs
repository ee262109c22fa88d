using Microsoft.Extensions.Options;
using Peft.Core;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

namespace Workbench.Server.Jobs;

/// <summary>
/// The queue: starts waiting runs one after another (or as many at once as the settings allow), and follows every run whose trainer lives,
/// also those that were started before this server. It sleeps until somebody wakes it.
/// </summary>
internal sealed class RunSupervisor(
    RunTracking tracking, RunAdoption adoption, ITrainerHost host, DataDirectory data, IOptions<WorkbenchOptions> options, ILogger<RunSupervisor> log)
    : BackgroundService
{
    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(5);
    private static readonly string s_owner = Environment.MachineName;

    private readonly AsyncSignal _queue = new();

    /// <summary>Something was put into the queue, or a place became free.</summary>
    public void WakeQueue() => _queue.Raise();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The pages answer before a long log of an adopted run is read.
        await Task.Yield();
        try
        {
            await adoption.AdoptAsync(tracking.PublishAsync, stoppingToken);
            foreach (var run in await tracking.Store.ListAsync(stoppingToken))
                await AttachIfUnfinishedAsync(run, stoppingToken);
            while (true)
            {
                var seen = _queue.Version;
                while (tracking.LiveCount < options.Value.ConcurrentRuns && await tracking.Store.NextQueuedAsync(stoppingToken) is { } next)
                    await LaunchAsync(next, stoppingToken);
                await _queue.WaitAsync(seen, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            log.LogInformation("The queue rests; trainers go on by themselves");
        }
    }

    private async Task AttachIfUnfinishedAsync(RunEntity run, CancellationToken cancel)
    {
        var paths = data.Run(run.Id);
        if (!RunStateMachine.IsActive(run.State) && !TrainerLock.IsHeld(paths))
            return;
        if (run.State == RunState.Starting)
            tracking.ExpectLock(run.Id);
        if (await LeaseAsync(run.Id, cancel) is { } leased)
        {
            log.LogInformation("Attaching to run {Run}, which was {State}", run.Id, run.State);
            Follow(leased, process: null, cancel);
        }
    }

    private async Task LaunchAsync(RunEntity run, CancellationToken cancel)
    {
        var paths = data.Run(run.Id);
        if (await LeaseAsync(run.Id, cancel) is not { } leased)
        {
            await tracking.Store.UpdateAsync(run.Id, row => (row.QueueTicket = null) is null, cancel: cancel);
            return;
        }

        ITrainerProcess? process = null;
        try
        {
            // Somebody may have resumed it from the command line meanwhile: then there is nothing to start, only to follow.
            if (!TrainerLock.IsHeld(paths))
            {
                new ControlFolder(paths.Control).Clear();
                process = host.Start(paths);
            }
        }
        catch (PeftException e)
        {
            log.LogError(e, "Run {Run} could not be started", run.Id);
            await tracking.Store.UpdateAsync(run.Id, row => Fail(row, e.Message), leased.LeaseToken, cancel);
            await tracking.PublishAsync(run.Id);
            return;
        }

        var row = await tracking.Store.UpdateAsync(run.Id, Launched, leased.LeaseToken, cancel);
        log.LogInformation("Started run {Run} ({Name})", run.Id, run.Name);
        if (row is not null)
            Follow(row, process, cancel);
        await tracking.PublishAsync(run.Id);
    }

    private void Follow(RunEntity run, ITrainerProcess? process, CancellationToken cancel)
    {
        var live = new LiveRun(run.Id, data.Run(run.Id), run.LeaseToken, process, RunProjection.Read(run.ProjectionJson), run.EventOffset, tracking);
        if (tracking.TryAdd(live))
            _ = FollowToTheEndAsync(live, cancel);
    }

    private async Task FollowToTheEndAsync(LiveRun live, CancellationToken cancel)
    {
        await Task.Yield();
        using var renewal = new Timer(_ => Renew(live.Id), null, s_lease / 2, s_lease / 2);
        try
        {
            await live.FollowAsync(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            log.LogInformation("Run {Run} goes on without this server", live.Id);
        }
        catch (Exception e)
        {
            // One run that cannot be followed must not take the queue with it.
            log.LogError(e, "Run {Run} could not be followed", live.Id);
        }
        finally
        {
            tracking.Remove(live);
            live.Dispose();
            WakeQueue();
        }
    }

    private Task<RunEntity?> LeaseAsync(string id, CancellationToken cancel) => tracking.Store.LeaseAsync(id, s_owner, tracking.Now, tracking.Now + s_lease, cancel);

    private void Renew(string id) => _ = tracking.Store.UpdateAsync(id, row =>
    {
        row.LeasedUntil = tracking.Now + s_lease;
        return row.LeaseOwner == s_owner;
    });

    private static bool Launched(RunEntity row)
    {
        row.QueueTicket = null;
        row.Message = null;
        row.State = RunStateMachine.Next(row.State, RunSignal.Launched) ?? row.State;
        return true;
    }

    private static bool Fail(RunEntity row, string message)
    {
        row.QueueTicket = null;
        row.Message = message;
        row.State = RunStateMachine.Next(row.State, RunSignal.LaunchFailed) ?? row.State;
        return true;
    }
}
