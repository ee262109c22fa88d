namespace Workbench.Server.Jobs;

/// <summary>
/// A counter that can be awaited. A waiter names the value it has seen, so a change between looking and waiting is never missed, and any
/// number of changes wakes it once.
/// </summary>
public sealed class AsyncSignal
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _version;

    public long Version => Interlocked.Read(ref _version);

    public void Raise()
    {
        TaskCompletionSource waiting;
        lock (_gate)
        {
            Interlocked.Increment(ref _version);
            waiting = _next;
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        waiting.SetResult();
    }

    /// <summary>Completes when the counter differs from what the waiter has seen.</summary>
    public Task WaitAsync(long seen, CancellationToken cancel)
    {
        lock (_gate)
            return _version != seen ? Task.CompletedTask : _next.Task.WaitAsync(cancel);
    }

    /// <summary>Like <see cref="WaitAsync(long, CancellationToken)"/>, but gives up quietly after a while.</summary>
    public async Task WaitAsync(long seen, TimeSpan patience, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(patience);
        try
        {
            await WaitAsync(seen, limit.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // The patience is over; the caller looks again.
        }
    }
}
