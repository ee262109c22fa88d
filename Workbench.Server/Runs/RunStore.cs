using Microsoft.EntityFrameworkCore;
using Workbench.Client.Contracts;
using Workbench.Server.Storage;

namespace Workbench.Server.Runs;

/// <summary>What the server keeps about runs. Behind an interface so that a shared database can take its place.</summary>
public interface IRunStore
{
    Task<IReadOnlyList<RunEntity>> ListAsync(CancellationToken cancel = default);

    Task<RunEntity?> FindAsync(string id, CancellationToken cancel = default);

    Task AddAsync(RunEntity run, CancellationToken cancel = default);

    /// <summary>Changes a row; concurrent changes wait for each other. Nothing is saved when <paramref name="change"/> says false.</summary>
    /// <param name="id">The run.</param>
    /// <param name="change">The change; false = leave the row as it is.</param>
    /// <param name="fence">Token of the lease under which the caller writes; a newer lease makes the change refused.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>The row afterwards, or null when the run does not exist or the lease was lost.</returns>
    Task<RunEntity?> UpdateAsync(string id, Func<RunEntity, bool> change, long? fence = null, CancellationToken cancel = default);

    Task RemoveAsync(string id, CancellationToken cancel = default);

    /// <summary>The run that waits longest, or null.</summary>
    Task<RunEntity?> NextQueuedAsync(CancellationToken cancel = default);

    /// <summary>Ids of the waiting runs, the next one first.</summary>
    Task<IReadOnlyList<string>> QueueAsync(CancellationToken cancel = default);

    /// <summary>A number larger than every ticket and a colour that comes after the newest run's.</summary>
    Task<(long Ticket, int Color)> NextPlaceAsync(CancellationToken cancel = default);

    /// <summary>Takes (or renews) the right to start and command a run. Null while another server's lease lasts.</summary>
    Task<RunEntity?> LeaseAsync(string id, string owner, DateTimeOffset now, DateTimeOffset until, CancellationToken cancel = default);
}

internal sealed class RunStore(IDbContextFactory<WorkbenchDb> databases) : IRunStore, IDisposable
{
    private const int PaletteSize = 10;
    private readonly SemaphoreSlim _writes = new(1);

    public async Task<IReadOnlyList<RunEntity>> ListAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().OrderByDescending(run => run.Id).ToListAsync(cancel);
    }

    public async Task<RunEntity?> FindAsync(string id, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking().SingleOrDefaultAsync(run => run.Id == id, cancel);
    }

    public async Task AddAsync(RunEntity run, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        db.Runs.Add(run);
        await db.SaveChangesAsync(cancel);
    }

    public async Task<RunEntity?> UpdateAsync(string id, Func<RunEntity, bool> change, long? fence = null, CancellationToken cancel = default)
    {
        await _writes.WaitAsync(cancel);
        try
        {
            await using var db = await databases.CreateDbContextAsync(cancel);
            var run = await db.Runs.SingleOrDefaultAsync(row => row.Id == id, cancel);
            if (run is null || (fence is { } token && run.LeaseToken != token))
                return null;
            if (change(run))
                await db.SaveChangesAsync(cancel);
            return run;
        }
        catch (DbUpdateConcurrencyException)
        {
            return null; // Another server took the lease between reading and writing: its word counts.
        }
        finally
        {
            _writes.Release();
        }
    }

    public async Task RemoveAsync(string id, CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await db.Runs.Where(run => run.Id == id).ExecuteDeleteAsync(cancel);
    }

    public async Task<RunEntity?> NextQueuedAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.AsNoTracking()
            .Where(run => run.State == RunState.Queued && run.QueueTicket != null)
            .OrderBy(run => run.QueueTicket)
            .FirstOrDefaultAsync(cancel);
    }

    public async Task<IReadOnlyList<string>> QueueAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Runs.Where(run => run.State == RunState.Queued && run.QueueTicket != null)
            .OrderBy(run => run.QueueTicket).Select(run => run.Id).ToListAsync(cancel);
    }

    public async Task<(long Ticket, int Color)> NextPlaceAsync(CancellationToken cancel = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var ticket = await db.Runs.MaxAsync(run => run.QueueTicket, cancel) ?? 0;
        var uses = await db.Runs.GroupBy(run => run.Color).Select(group => new { Color = group.Key, Count = group.Count() })
            .ToDictionaryAsync(group => group.Color, group => group.Count, cancel);

        // The least used one: runs that are adopted in any order, and those that follow deleted ones, still differ as long as colours last.
        return (ticket + 1, Enumerable.Range(0, PaletteSize).MinBy(color => uses.GetValueOrDefault(color)));
    }

    public Task<RunEntity?> LeaseAsync(string id, string owner, DateTimeOffset now, DateTimeOffset until, CancellationToken cancel = default)
    {
        var taken = true;
        return TakeAsync();

        async Task<RunEntity?> TakeAsync()
        {
            var row = await UpdateAsync(id, run =>
            {
                if (run.LeaseOwner is { } other && other != owner && run.LeasedUntil > now)
                    return taken = false;
                run.LeaseOwner = owner;
                run.LeaseToken++;
                run.LeasedUntil = until;
                return true;
            }, fence: null, cancel);
            return taken ? row : null;
        }
    }

    public void Dispose() => _writes.Dispose();
}
