using System.Collections.Concurrent;
using Workbench.Server.Hubs;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

namespace Workbench.Server.Jobs;

/// <summary>What everything that follows runs shares: the live ones, the signals that wake viewers, and the way to tell the pages.</summary>
internal sealed class RunTracking(IRunStore store, RunPublisher publisher, TimeProvider time)
{
    /// <summary>How long a trainer that was launched before a restart of the server may need to its lock.</summary>
    public static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<string, AsyncSignal> _signals = new();
    private readonly ConcurrentDictionary<string, LiveRun> _live = new();
    private readonly ConcurrentDictionary<string, bool> _launchedBeforeRestart = new();

    public IRunStore Store => store;

    public DateTimeOffset Now => time.GetUtcNow();

    public int LiveCount => _live.Count;

    public bool TryAdd(LiveRun run) => _live.TryAdd(run.Id, run);

    public void Remove(LiveRun run) => _live.TryRemove(new KeyValuePair<string, LiveRun>(run.Id, run));

    public bool IsLive(string id) => _live.ContainsKey(id);

    /// <summary>Woken whenever a run has new events.</summary>
    public AsyncSignal Signal(string id) => _signals.GetOrAdd(id, _ => new AsyncSignal());

    public void Wake(string id) => Signal(id).Raise();

    public void ExpectLock(string id) => _launchedBeforeRestart[id] = true;

    public bool WaitsForLock(string id) => _launchedBeforeRestart.ContainsKey(id);

    /// <summary>The newest projection: from memory while the trainer lives, from the row otherwise.</summary>
    public RunProjection ProjectionOf(RunEntity run) => _live.TryGetValue(run.Id, out var live) ? live.Projection : RunProjection.Read(run.ProjectionJson);

    /// <summary>Tells all pages how a run is now.</summary>
    public async Task PublishAsync(string id)
    {
        if (await store.FindAsync(id) is not { } run)
            return;
        var position = run.QueueTicket is null ? null : Position(await store.QueueAsync(), id);
        await publisher.ChangedAsync(RunMapper.ToSummary(run, ProjectionOf(run), position));
    }

    public Task PublishDeletedAsync(string id) => publisher.DeletedAsync(id);

    public static int? Position(IReadOnlyList<string> queue, string id)
    {
        for (var i = 0; i < queue.Count; i++)
        {
            if (queue[i] == id)
                return i + 1;
        }

        return null;
    }
}
