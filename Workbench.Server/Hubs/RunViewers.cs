using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using Peft.Core;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Jobs;

namespace Workbench.Server.Hubs;

/// <summary>
/// The viewers of runs. Each has a reader of its own on the run's log, so what it gets is by construction everything after the number it
/// named, once and in order, however many viewers there are and whatever happens between looking and listening. A viewer of a run that
/// rests waits on a signal and costs nothing.
/// </summary>
internal sealed class RunViewers(
    IHubContext<RunsHub, IRunsClient> hub, DataDirectory data, RunTracking tracking, ILogger<RunViewers> log)
{
    /// <summary>Between two messages to one viewer: a page cannot show more, and the trainer's cores are not ours.</summary>
    private static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(100);

    private const int FarBehind = 150;

    private readonly ConcurrentDictionary<(string Connection, string Run), Viewer> _viewers = new();

    public async Task JoinAsync(string connection, string runId, long afterSeq)
    {
        var run = await tracking.Store.FindAsync(runId) ?? throw new HubException($"There is no run {runId}. It may have been deleted.");
        await LeaveAsync(connection, runId);
        var viewer = new Viewer();
        // Only new ones: everything that is in the log now counts as seen.
        var reader = afterSeq == long.MaxValue ? SkipAll(run.LastSeq, run.EventOffset, runId)
            : afterSeq >= run.LastSeq && run.LastSeq > 0 ? new EventLogReader(data.Run(runId), afterSeq, run.EventOffset)
            : new EventLogReader(data.Run(runId), afterSeq);
        if (_viewers.TryAdd((connection, runId), viewer))
            viewer.Work = ServeAsync(connection, runId, reader, viewer.Stop.Token);
    }

    public async Task LeaveAsync(string connection, string runId)
    {
        if (!_viewers.TryRemove((connection, runId), out var viewer))
            return;
        await viewer.Stop.CancelAsync();
        await viewer.Work;
        viewer.Stop.Dispose();
    }

    public async Task LeaveAllAsync(string connection)
    {
        foreach (var key in _viewers.Keys.Where(key => key.Connection == connection))
            await LeaveAsync(connection, key.Run);
    }

    private EventLogReader SkipAll(long seq, long offset, string runId)
    {
        var reader = new EventLogReader(data.Run(runId), seq, offset);
        while (reader.ReadNew().Count > 0)
        {
        }

        return reader;
    }

    private async Task ServeAsync(string connection, string runId, EventLogReader reader, CancellationToken stop)
    {
        await Task.Yield();
        var signal = tracking.Signal(runId);
        var client = hub.Clients.Client(connection);
        try
        {
            while (true)
            {
                var seen = signal.Version;
                var lines = reader.ReadNew();
                if (lines.Count == 0)
                {
                    await signal.WaitAsync(seen, stop);
                    continue;
                }

                stop.ThrowIfCancellationRequested();
                await client.RunEvents(runId, [.. lines.Select(line => JsonSerializer.Deserialize<JsonElement>(line.Json.Span))]);
                // A viewer that is far behind is not held up.
                if (lines.Count < FarBehind)
                    await Task.Delay(s_pace, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            log.LogDebug("Viewer {Connection} left run {Run}", connection, runId);
        }
        catch (PeftException e)
        {
            log.LogError(e, "The log of run {Run} cannot be shown", runId);
        }
    }

    private sealed class Viewer
    {
        public CancellationTokenSource Stop { get; } = new();

        public Task Work { get; set; } = Task.CompletedTask;
    }
}
