using System.Diagnostics;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Runs;

namespace Workbench.Server.Jobs;

/// <summary>
/// Follows one run while its trainer lives: folds new events into the projection, wakes viewers, keeps the row's state. A change of the log
/// wakes it at once; a look every second is the safety net for missed notices and finds a trainer that died without a word.
/// </summary>
internal sealed class LiveRun(string id, RunPaths paths, long fence, ITrainerProcess? process, RunProjection projection, long offset, RunTracking tracking) : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_lookAtTheEnd = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_listPace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_readPace = TimeSpan.FromMilliseconds(15);

    private readonly AsyncSignal _wake = new();
    private readonly EventLogReader _reader = new(paths, projection.LastSeq, offset);
    private readonly int _attemptBefore = projection.Attempt;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private volatile RunProjection _projection = projection;
    private long _publishedAt;
    private bool _dirty;
    private bool _farBehind;

    public string Id => id;

    public RunProjection Projection => _projection;

    /// <summary>Follows until the trainer is gone and everything it wrote is known.</summary>
    public async Task FollowAsync(CancellationToken cancel)
    {
        using var watcher = new FileSystemWatcher(paths.Root) { NotifyFilter = NotifyFilters.LastWrite | NotifyFilters.FileName | NotifyFilters.Size };
        watcher.Changed += OnFileChanged;
        watcher.Created += OnFileChanged;
        watcher.EnableRaisingEvents = true;
        process?.OnExit(_wake.Raise);
        while (true)
        {
            var seen = _wake.Version;
            // Asked before reading: whatever a trainer wrote before it was found dead is in the file by then.
            var alive = IsAlive();
            if (await ReadAsync(cancel))
            {
                if (!_farBehind)
                    await Task.Delay(s_readPace, cancel);
                continue;
            }

            if (!alive)
                break;
            await PublishProgressAsync(cancel);
            await _wake.WaitAsync(seen, _projection.IsEnded && _projection.Attempt > _attemptBefore ? s_lookAtTheEnd : s_look, cancel);
        }

        await EndAsync(cancel);
    }

    public void Dispose() => process?.Dispose();

    private void OnFileChanged(object sender, FileSystemEventArgs e)
    {
        if (e.Name is "events.jsonl")
            _wake.Raise();
    }

    /// <summary>A trainer needs a moment from its start to its lock; after a restart of the server only the lock can tell.</summary>
    private bool IsAlive()
    {
        if (process is not null && !process.HasExited)
            return true;
        if (TrainerLock.IsHeld(paths))
            return true;
        var justLaunched = process is null && _projection.Attempt == _attemptBefore && tracking.WaitsForLock(id);
        return justLaunched && Stopwatch.GetElapsedTime(_startedAt) < RunTracking.StartPatience;
    }

    private async Task<bool> ReadAsync(CancellationToken cancel)
    {
        var lines = _reader.ReadNew();
        if (lines.Count == 0)
            return false;
        _farBehind = lines.Count > 150;
        // Viewers first: they read the log themselves.
        tracking.Wake(id);
        _projection = _projection.Apply(lines);
        _dirty = true;
        var rare = lines.Where(line => !RunProjection.IsStep(line)).Select(line => line.Parse()).ToArray();
        if (rare.Any(e => e is RunStateChanged or RunCheckpoint or RunMetrics or RunModelReady))
            await SaveAsync([.. rare.OfType<RunStateChanged>()], cancel);
        else
            await PublishProgressAsync(cancel);
        return true;
    }

    private async Task SaveAsync(IReadOnlyList<RunStateChanged> states, CancellationToken cancel)
    {
        var row = await tracking.Store.UpdateAsync(id, run =>
        {
            foreach (var e in states)
            {
                if (RunStateMachine.Next(run.State, RunStateMachine.SignalOf(e.State)) is not { } state)
                    continue;
                run.State = state;
                run.Message = e.Message;
            }

            run.ProjectionJson = _projection.Write();
            run.LastSeq = _reader.LastSeq;
            run.EventOffset = _reader.Offset;
            return true;
        }, fence, cancel);
        if (row is not null)
            await PublishAsync();
    }

    private async Task EndAsync(CancellationToken cancel)
    {
        var (signal, message) = HowItEnded();
        var saidItsLastWord = _projection.IsEnded && _projection.Attempt > _attemptBefore;
        await tracking.Store.UpdateAsync(id, run =>
        {
            // A trainer that said its last word ended as it should; by now the run may already wait to be resumed.
            if (!saidItsLastWord && RunStateMachine.Next(run.State, signal) is { } state)
            {
                run.State = state;
                run.Message = message;
                _projection = _projection with { EndedAt = tracking.Now.ToUnixTimeMilliseconds() };
            }

            run.ProjectionJson = _projection.Write();
            run.LastSeq = _reader.LastSeq;
            run.EventOffset = _reader.Offset;
            run.LeasedUntil = null;
            return true;
        }, fence, cancel);
        tracking.Wake(id);
        await PublishAsync();
    }

    private (RunSignal Signal, string Message) HowItEnded()
    {
        var code = process?.ExitCode;
        var tail = RunLog.Tail(paths.Log, 2000).Text.Trim();
        var last = tail.Length > 0 ? " The end of its log:\n" + tail : "";
        // An exit code above 128 is a signal (an out-of-memory killer, a person): it might have gone well. Another one without a word is a failure.
        if (code is > 0 and <= 128)
            return (RunSignal.LaunchFailed, $"The trainer ended with code {code} without a word.{last}");
        var how = code is > 128 ? $"by signal {code - 128}" : "without a word";
        return (RunSignal.TrainerGone, $"The trainer was ended {how} after step {_projection.Step}. Resume goes on from the newest checkpoint.{last}");
    }

    private Task PublishProgressAsync(CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        return _dirty && Stopwatch.GetElapsedTime(_publishedAt) >= s_listPace ? PublishAsync() : Task.CompletedTask;
    }

    private Task PublishAsync()
    {
        _publishedAt = Stopwatch.GetTimestamp();
        _dirty = false;
        return tracking.PublishAsync(id);
    }
}
