using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Jobs;
using Workbench.Server.Runs.Series;
using Workbench.Server.Storage;

namespace Workbench.Server.Runs;

/// <summary>What a command to a run came to: the run afterwards, or why it was refused.</summary>
internal sealed record CommandOutcome(RunSummary? Run, string? Refusal)
{
    public static CommandOutcome Missing { get; } = new(null, null);
}

/// <summary>What people can do with runs.</summary>
internal sealed class RunService(RunTracking tracking, RunSupervisor supervisor, SeriesStore series, DataDirectory data)
{
    public async Task<IReadOnlyList<RunSummary>> ListAsync(CancellationToken cancel)
    {
        var queue = await tracking.Store.QueueAsync(cancel);
        return [.. (await tracking.Store.ListAsync(cancel)).Select(run => RunMapper.ToSummary(run, tracking.ProjectionOf(run), RunTracking.Position(queue, run.Id)))];
    }

    public async Task<RunDetail?> FindAsync(string id, CancellationToken cancel)
    {
        if (await tracking.Store.FindAsync(id, cancel) is not { } run)
            return null;
        var projection = tracking.ProjectionOf(run);
        var position = RunTracking.Position(await tracking.Store.QueueAsync(cancel), id);
        return new RunDetail(
            RunMapper.ToSummary(run, projection, position), RunMapper.ReadDraft(run), projection.TrainableLine, run.Command, run.Notes, projection.Environment,
            RunFiles.List(data.Run(id)), Math.Max(projection.LastSeq, run.LastSeq))
        {
            MadeModelId = run.PeftType == PretrainDraft.PeftType ? MadeModel(data.Run(id)) : null,
        };
    }

    /// <summary>The base that a pretraining wrote among the models; null while there is none, or when it went elsewhere.</summary>
    private string? MadeModel(RunPaths paths)
    {
        if (RunDirectory.ReadRequest(paths).Pretraining?.Output is not { } output || data.Resolve(output) is not { } folder)
            return null;
        return Path.GetDirectoryName(folder) == data.Models && Directory.Exists(folder) ? Path.GetFileName(folder) : null;
    }

    public Task<CommandOutcome> PauseAsync(string id, CancellationToken cancel) => CommandAsync(id, RunSignal.PauseRequested, RunCommand.Pause, "paused", cancel);

    public Task<CommandOutcome> StopAsync(string id, CancellationToken cancel) => CommandAsync(id, RunSignal.StopRequested, RunCommand.Stop, "stopped", cancel);

    /// <summary>Ends a trainer that was told to pause or stop and does neither; what it did since its last checkpoint is lost.</summary>
    public async Task<CommandOutcome> KillAsync(string id, CancellationToken cancel)
    {
        if (await tracking.Store.FindAsync(id, cancel) is not { } run)
            return CommandOutcome.Missing;
        if (run.State is not (RunState.Pausing or RunState.Stopping))
            return new CommandOutcome(null, $"A run that is {Word(run.State)} cannot be ended by force. Stop it first.");
        return await Task.Run(() => TrainerEnd.Force(data.Run(id)), cancel)
            ? new CommandOutcome(await SummaryAsync(run), null)
            : new CommandOutcome(null, "No trainer works on this run any more; its state follows in a moment.");
    }

    public async Task<CommandOutcome> CheckpointAsync(string id, CancellationToken cancel)
    {
        if (await tracking.Store.FindAsync(id, cancel) is not { } run)
            return CommandOutcome.Missing;
        if (run.State is not (RunState.Starting or RunState.Training))
            return new CommandOutcome(null, $"A run that is {Word(run.State)} writes no checkpoint; only a training one does.");
        new ControlFolder(data.Run(id).Control).Place(RunCommand.Checkpoint);
        return new CommandOutcome(await SummaryAsync(run), null);
    }

    public async Task<CommandOutcome> ResumeAsync(string id, CancellationToken cancel)
    {
        if (TrainerLock.IsHeld(data.Run(id)))
            return new CommandOutcome(null, "A trainer is still working on this run. Wait until it has ended, then resume.");
        var (ticket, _) = await tracking.Store.NextPlaceAsync(cancel);
        return await ChangeAsync(id, RunSignal.ResumeRequested, "resumed", run => run.QueueTicket = ticket, cancel);
    }

    public async Task<RunSummary?> UpdateAsync(string id, UpdateRun change, CancellationToken cancel)
    {
        var run = await tracking.Store.UpdateAsync(id, row =>
        {
            row.Name = change.Name ?? row.Name;
            row.Notes = change.Notes ?? row.Notes;
            return true;
        }, cancel: cancel);
        return run is null ? null : await PublishAndWakeAsync(run);
    }

    /// <summary>Moves the directory into the trash in one step, then deletes it. Refused while a trainer works in it.</summary>
    public async Task<CommandOutcome> DeleteAsync(string id, CancellationToken cancel)
    {
        if (await tracking.Store.FindAsync(id, cancel) is not { } run)
            return CommandOutcome.Missing;
        var paths = data.Run(id);
        if (RunStateMachine.IsActive(run.State) || TrainerLock.IsHeld(paths))
            return new CommandOutcome(null, "A run that is being trained cannot be deleted. Stop it first.");
        await tracking.Store.RemoveAsync(id, cancel);
        if (Directory.Exists(paths.Root))
        {
            var trash = Path.Combine(data.Trash, $"{id}-{Ulid.NewUlid()}");
            Directory.Move(paths.Root, trash);
            Directory.Delete(trash, recursive: true);
        }

        series.Forget(id);
        await tracking.PublishDeletedAsync(id);
        return new CommandOutcome(RunMapper.ToSummary(run, tracking.ProjectionOf(run), null), null);
    }

    private async Task<CommandOutcome> CommandAsync(string id, RunSignal signal, RunCommand command, string verb, CancellationToken cancel)
    {
        var outcome = await ChangeAsync(id, signal, verb, run =>
        {
            run.QueueTicket = null;
            if (run.State is RunState.Pausing or RunState.Stopping)
                new ControlFolder(data.Run(id).Control).Place(command);
        }, cancel);
        return outcome;
    }

    private async Task<CommandOutcome> ChangeAsync(string id, RunSignal signal, string verb, Action<RunEntity> apply, CancellationToken cancel)
    {
        string? refusal = null;
        var run = await tracking.Store.UpdateAsync(id, row =>
        {
            if (RunStateMachine.Next(row.State, signal) is not { } state)
            {
                refusal = $"A run that is {Word(row.State)} cannot be {verb}.";
                return false;
            }

            row.State = state;
            row.Message = null;
            apply(row);
            return true;
        }, cancel: cancel);
        if (run is null)
            return CommandOutcome.Missing;
        return refusal is null ? new CommandOutcome(await PublishAndWakeAsync(run), null) : new CommandOutcome(null, refusal);
    }

    private async Task<RunSummary> PublishAndWakeAsync(RunEntity run)
    {
        supervisor.WakeQueue();
        await tracking.PublishAsync(run.Id);
        return await SummaryAsync(run);
    }

    private async Task<RunSummary> SummaryAsync(RunEntity run) =>
        RunMapper.ToSummary(run, tracking.ProjectionOf(run), RunTracking.Position(await tracking.Store.QueueAsync(), run.Id));

#pragma warning disable CA1308 // The word stands inside an English sentence.
    private static string Word(RunState state) => state.ToString().ToLowerInvariant();
#pragma warning restore CA1308
}
