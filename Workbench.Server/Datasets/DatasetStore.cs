using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Storage;

namespace Workbench.Server.Datasets;

/// <summary>The registered datasets: rows of the main database beside the working files that hold the records.</summary>
public sealed class DatasetStore(IDbContextFactory<WorkbenchDb> databases, DataDirectory data, TimeProvider time, ICurrentPerson person)
{
    public async Task<IReadOnlyList<DatasetSummary>> ListAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var rows = await db.Datasets.AsNoTracking().OrderByDescending(row => row.UpdatedAt).ToListAsync(cancel);
        return [.. rows.Select(Summary)];
    }

    public async Task<DatasetSummary?> FindAsync(string id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel) is { } row ? Summary(row) : null;
    }

    public async Task<DatasetSummary> CreateAsync(string name, string description, bool isSample, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var row = new DatasetEntity
        {
            Id = Ulid.NewUlid().ToString(), Name = CheckName(name), Description = description.Trim(), IsSample = isSample, CreatedAt = now, UpdatedAt = now, CreatedBy = person.Id,
        };
        File(row.Id).Create();
        await using var db = await databases.CreateDbContextAsync(cancel);
        db.Datasets.Add(row);
        await db.SaveChangesAsync(cancel);
        return Summary(row);
    }

    public async Task<DatasetSummary?> DescribeAsync(string id, CreateDataset change, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        if (await db.Datasets.FindAsync([id], cancel) is not { } row)
            return null;
        (row.Name, row.Description, row.UpdatedAt) = (CheckName(change.Name), change.Description.Trim(), time.GetUtcNow());
        await db.SaveChangesAsync(cancel);
        return Summary(row);
    }

    /// <summary>
    /// Removes the dataset from the list and its records from the disk. Snapshots stay: runs were trained on them and must remain readable.
    /// </summary>
    public async Task<bool> DeleteAsync(string id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        if (await db.Datasets.FindAsync([id], cancel) is not { } row)
            return false;
        db.Datasets.Remove(row);
        await db.SaveChangesAsync(cancel);
        var file = File(id);
        file.Release();
        foreach (var path in new[] { file.Path, file.Path + "-wal", file.Path + "-shm" })
            System.IO.File.Delete(path);
        if (!Directory.EnumerateFileSystemEntries(Folder(id)).Any())
            Directory.Delete(Folder(id));
        return true;
    }

    /// <summary>Brings the row's numbers to what the working file holds after a change.</summary>
    public async Task<EditState> RefreshAsync(string id, CancellationToken cancel)
    {
        var (counts, undo, redo) = Read(id);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var row = await db.Datasets.FindAsync([id], cancel) ?? throw new PeftException($"Dataset '{id}' was deleted in the meantime.");
        (row.Train, row.Dev, row.Test, row.Problems, row.Kind, row.UpdatedAt) = (counts.Train, counts.Dev, counts.Test, counts.Problems, counts.Kind, time.GetUtcNow());
        await db.SaveChangesAsync(cancel);
        return new EditState(undo is not null, redo is not null, undo, redo, Summary(row));
    }

    public async Task<EditState?> StateAsync(string id, CancellationToken cancel) =>
        await FindAsync(id, cancel) is { } summary && Read(id) is var (_, undo, redo) ? new EditState(undo is not null, redo is not null, undo, redo, summary) : null;

    /// <summary>Freezes the current records; equal records give the snapshot that exists already.</summary>
    public async Task<SnapshotDto> SnapshotAsync(DatasetSummary dataset, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        var file = File(dataset.Id);
        // Whole milliseconds, as the database keeps them: manifest and row say the same.
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        var manifest = await Task.Run(() => SnapshotWriter.Write(file, Folder(dataset.Id), dataset.Id, dataset.Name, now), cancel);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var row = await db.Snapshots.FindAsync([dataset.Id, manifest.Hash], cancel);
        if (row is null)
        {
            row = new SnapshotEntity
            {
                DatasetId = dataset.Id, Hash = manifest.Hash, Path = $"datasets/{dataset.Id}/{manifest.Hash}", Train = manifest.Counts["train"],
                Dev = manifest.Counts["dev"], Test = manifest.Counts["test"], CreatedAt = manifest.CreatedAt, CreatedBy = person.Id,
            };
            db.Snapshots.Add(row);
            try
            {
                await db.SaveChangesAsync(cancel);
            }
            catch (DbUpdateException) when (db.Snapshots.AsNoTracking().Any(other => other.DatasetId == dataset.Id && other.Hash == manifest.Hash))
            {
                // Two runs froze the same records at the same moment: the other's row says the same.
                db.Entry(row).State = EntityState.Unchanged;
            }
        }

        return new SnapshotDto(row.DatasetId, row.Hash, row.Train, row.Dev, row.Test, row.CreatedAt);
    }

    public async Task<IReadOnlyList<SnapshotDto>> SnapshotsAsync(string id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var rows = await db.Snapshots.AsNoTracking().Where(row => row.DatasetId == id).OrderByDescending(row => row.CreatedAt).ToListAsync(cancel);
        return [.. rows.Select(row => new SnapshotDto(row.DatasetId, row.Hash, row.Train, row.Dev, row.Test, row.CreatedAt))];
    }

    /// <summary>How many labels a model has to tell apart for these records; null where the kind has none.</summary>
    public int? LabelCount(string id, DatasetKind kind)
    {
        using var connection = File(id).Connect();
        return RecordQueries.LabelCount(connection, kind);
    }

    public WorkingFile File(string id) => new(Path.Combine(Folder(id), "working.db"));

    private string Folder(string id) => Path.Combine(data.Datasets, id);

    private (RecordCounts Counts, string? Undo, string? Redo) Read(string id)
    {
        using var connection = File(id).Connect();
        var (undo, redo) = OperationLog.Stacks(connection);
        return (RecordQueries.Counts(connection), undo.TryPeek(out var top) ? top.Text : null, redo.TryPeek(out var next) ? next.Text : null);
    }

    private static string CheckName(string name) =>
        name.Trim() is { Length: > 0 and <= 200 } trimmed ? trimmed : throw new PeftException("A dataset needs a name of 1 to 200 characters.");

    private static DatasetSummary Summary(DatasetEntity row) =>
        new(row.Id, row.Name, row.Description, row.Train, row.Dev, row.Test, row.IsSample, row.UpdatedAt, row.Problems, row.Kind);
}
