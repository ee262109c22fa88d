using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Peft.Core;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Planning;
using Workbench.Server.Storage;

namespace Workbench.Server.Models;

/// <summary>
/// The base models: what lies under the samples' and the data directory's <c>models</c>, and what was registered where it lies. The name of the
/// folder is the model's id. Folders are looked at when they are asked for, so one that is copied there appears without a restart.
/// </summary>
public sealed class ModelStore(IDbContextFactory<WorkbenchDb> databases, DataDirectory data, IOptions<WorkbenchOptions> options, TimeProvider time, ICurrentPerson person)
    : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ConcurrentDictionary<string, (string Stamp, ModelFacts Facts)> _known = new(StringComparer.Ordinal);

    public async Task<IReadOnlyList<ModelSummary>> ListAsync(CancellationToken cancel)
    {
        await SyncAsync(cancel);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var rows = await db.Models.AsNoTracking().OrderBy(row => row.CreatedAt).ThenBy(row => row.Id).ToListAsync(cancel);
        return [.. rows.Where(row => ModelPlaces.IsModel(data.Resolve(row.Path))).Select(Summary)];
    }

    /// <summary>Null when there is no such model, or its folder is gone.</summary>
    public async Task<ModelSummary?> FindAsync(string id, CancellationToken cancel) => await RowAsync(id, cancel) is { } row ? Summary(row) : null;

    /// <summary>The model's folder (or GGUF file) as an absolute path; null when there is no such model.</summary>
    public async Task<string?> FolderAsync(string id, CancellationToken cancel) => await RowAsync(id, cancel) is { } row ? data.Resolve(row.Path) : null;

    /// <summary>The path as it belongs into <c>run.json</c>: relative to the data directory where the model lies in it.</summary>
    public async Task<string?> StoredPathAsync(string id, CancellationToken cancel) => (await RowAsync(id, cancel))?.Path;

    public async Task<ModelCard?> CardAsync(string id, CancellationToken cancel)
    {
        if (await RowAsync(id, cancel) is not { } row)
            return null;
        var path = data.Resolve(row.Path);
        var facts = Facts(path);
        await using var db = await databases.CreateDbContextAsync(cancel);
        return new ModelCard(
            Summary(row), facts.Config, facts.Readme.Text, ModelInspector.ChatTemplate(path), facts.VocabularySize, facts.MaxPositions,
            facts.Problem ?? ModelInspector.TokenizerProblem(path))
        {
            Path = path,
            Origin = ModelOrigin.Read(path)?.ToString(),
            Notes = facts.Notes,
            RunCount = await db.Runs.CountAsync(run => run.ModelId == id, cancel),
            Needs = facts.Read is { } config ? BaseNeeds.Of(config) : null,
        };
    }

    /// <summary>Whether a name is a model's, or a folder's that would be in the way.</summary>
    public bool IsTaken(string id)
    {
        using var db = databases.CreateDbContext();
        return db.Models.AsEnumerable().Any(row => string.Equals(row.Id, id, StringComparison.OrdinalIgnoreCase) && ModelPlaces.IsModel(data.Resolve(row.Path)))
            || Path.Exists(Path.Combine(data.Models, id));
    }

    /// <summary>Notes a model that is used where it lies.</summary>
    public async Task<ModelSummary> RegisterAsync(string id, string path, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        // A row whose folder is gone gives its name free.
        if (await db.Models.SingleOrDefaultAsync(known => known.Id == id, cancel) is { } old)
            db.Models.Remove(old);
        var row = new ModelEntity { Id = id, Name = id, Path = path, CreatedAt = time.GetUtcNow(), CreatedBy = person.Id };
        Fill(row, Facts(path), path, isSample: false);
        db.Models.Add(row);
        await db.SaveChangesAsync(cancel);
        return Summary(row);
    }

    /// <summary>Deletes a model of the data directory, or forgets one that is used where it lies. False when there is none.</summary>
    /// <exception cref="PeftException">It is a sample, or a run needs it now.</exception>
    public async Task<bool> RemoveAsync(string id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        if (await db.Models.SingleOrDefaultAsync(row => row.Id == id, cancel) is not { } row)
            return false;
        if (row.IsSample)
            throw new PeftException($"'{row.Name}' came with the workbench and cannot be removed.");
        RunState[] busy = [RunState.Queued, RunState.Starting, RunState.Training, RunState.Evaluating, RunState.Pausing, RunState.Stopping];
        if (await db.Runs.FirstOrDefaultAsync(run => run.ModelId == id && busy.Contains(run.State), cancel) is { } needed)
            throw new PeftException($"Run '{needed.Name}' needs '{row.Name}' now. Stop the run first.");
        if (!Path.IsPathRooted(row.Path))
            ModelRemoval.Delete(data, row.Path);
        db.Models.Remove(row);
        await db.SaveChangesAsync(CancellationToken.None);
        return true;
    }

    /// <summary>Brings the rows to what the folders say.</summary>
    public async Task SyncAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            await using var db = await databases.CreateDbContextAsync(cancel);
            var rows = await db.Models.ToDictionaryAsync(row => row.Id, cancel);
            var taken = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (id, path, stored, isSample) in Places())
            {
                if (!taken.Add(id))
                    continue;
                if (!rows.TryGetValue(id, out var row))
                {
                    row = new ModelEntity { Id = id, Name = id, Path = stored, CreatedAt = time.GetUtcNow(), CreatedBy = person.Id };
                    db.Models.Add(row);
                }

                Fill(row, Facts(path), stored, isSample);
            }

            foreach (var row in rows.Values.Where(row => !taken.Contains(row.Id) && Path.IsPathRooted(row.Path) && ModelPlaces.IsModel(row.Path)))
                Fill(row, Facts(row.Path), row.Path, row.IsSample);
            await db.SaveChangesAsync(cancel);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task<ModelEntity?> RowAsync(string id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var row = await db.Models.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel);
        if (row is null)
        {
            await SyncAsync(cancel);
            row = await db.Models.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel);
        }

        return row is not null && ModelPlaces.IsModel(data.Resolve(row.Path)) ? row : null;
    }

    private IEnumerable<(string Id, string Path, string Stored, bool IsSample)> Places()
    {
        var samples = Path.GetFullPath(Path.Combine(Installation.Root, options.Value.SamplesDirectory, "models"));
        foreach (var (id, path) in Models(samples))
            yield return (id, path, path, true);
        foreach (var (id, path) in Models(data.Models))
            yield return (id, path, Path.GetRelativePath(data.Root, path).Replace('\\', '/'), false);
    }

    private static IEnumerable<(string Id, string Path)> Models(string root) => !Directory.Exists(root) ? [] : Directory.EnumerateFileSystemEntries(root)
        .Where(entry => Path.GetFileName(entry)[0] != '.')
        .Order(StringComparer.Ordinal)
        .Select(entry => (Id: File.Exists(entry) ? Path.GetFileNameWithoutExtension(entry) : Path.GetFileName(entry), Path: ModelPlaces.Find(entry)!))
        .Where(found => found.Path is not null);

    /// <summary>Looked at again only when a file changed: a large model's headers are many.</summary>
    private ModelFacts Facts(string path)
    {
        var folder = ModelPlaces.FolderOf(path);
        var stamp = string.Join('|', new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).Select(file => $"{file.Name}:{ModelPlaces.Size(file)}:{file.LastWriteTimeUtc.Ticks}"));
        if (_known.TryGetValue(path, out var known) && known.Stamp == stamp)
            return known.Facts;
        var facts = ModelInspector.Inspect(path);
        _known[path] = (stamp, facts);
        return facts;
    }

    private static void Fill(ModelEntity row, ModelFacts facts, string path, bool isSample)
    {
        (row.Path, row.IsSample, row.Architecture, row.Parameters) = (path, isSample, facts.Architecture, facts.Parameters);
        (row.Dtype, row.Bytes, row.License, row.Languages) = (facts.Dtype, facts.Bytes, facts.Readme.License, string.Join(',', facts.Readme.Languages));
    }

    private ModelSummary Summary(ModelEntity row) => new(
        row.Id, row.Name, row.Architecture, row.Parameters, row.Dtype, row.Bytes, row.IsSample, row.License,
        row.Languages.Split(',', StringSplitOptions.RemoveEmptyEntries))
    {
        Place = row.IsSample ? ModelPlace.Sample : Path.IsPathRooted(row.Path) ? ModelPlace.InPlace : ModelPlace.Data,
        Problem = _known.TryGetValue(data.Resolve(row.Path), out var known) ? known.Facts.Problem : null,
    };
}
