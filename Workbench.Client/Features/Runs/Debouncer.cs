namespace Workbench.Client.Features.Runs;

/// <summary>Runs the latest of a flurry of requests after a pause; what is under way is cancelled when a newer one comes.</summary>
public sealed class Debouncer(TimeSpan pause, TimeProvider clock) : IDisposable
{
    private CancellationTokenSource? _latest;

    /// <summary>Answers true when the work ran to its end, false when a newer request took its place.</summary>
    public async Task<bool> RunAsync(Func<CancellationToken, Task> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        var mine = new CancellationTokenSource();
        var before = Interlocked.Exchange(ref _latest, mine);
        before?.Cancel();
        try
        {
            await Task.Delay(pause, clock, mine.Token);
            mine.Token.ThrowIfCancellationRequested();
            await work(mine.Token);
            return !mine.IsCancellationRequested;
        }
        catch (OperationCanceledException) when (mine.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            if (Interlocked.CompareExchange(ref _latest, null, mine) == mine)
                mine.Dispose();
        }
    }

    public void Dispose() => _latest?.Cancel();
}
