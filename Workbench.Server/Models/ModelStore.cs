using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Storage;

namespace Workbench.Server.Models;

/// <summary>
/// The base models: every folder with a <c>config.json</c> under the samples' and the data directory's <c>models</c>. The folder's name is
/// the model's id. Folders are looked at when they are asked for, so one that is copied there appears without a restart.
/// </summary>
public sealed class ModelStore(IDbContextFactory<WorkbenchDb> databases, DataDirectory data, IOptions<WorkbenchOptions> options, TimeProvider time, ICurrentPerson person)
    : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);

    public async Task<IReadOnlyList<ModelSummary>> ListAsync(CancellationToken cancel)
    {
        await SyncAsync(cancel);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var rows = await db.Models.AsNoTracking().OrderBy(row => row.CreatedAt).ThenBy(row => row.Id).ToListAsync(cancel);
        return [.. rows.Where(row => IsModel(data.Resolve(row.Path))).Select(Summary)];
    }

    /// <summary>Null when there is no such model, or its folder is gone.</summary>
    public async Task<ModelSummary?> FindAsync(string id, CancellationToken cancel) => await RowAsync(id, cancel) is { } row ? Summary(row) : null;

    /// <summary>The model's folder as an absolute path; null when there is no such model.</summary>
    public async Task<string?> FolderAsync(string id, CancellationToken cancel) => await RowAsync(id, cancel) is { } row ? data.Resolve(row.Path) : null;

    /// <summary>The path as it belongs into <c>run.json</c>: relative to the data directory where the model lies in it.</summary>
    public async Task<string?> StoredPathAsync(string id, CancellationToken cancel) => (await RowAsync(id, cancel))?.Path;

    public async Task<ModelCard?> CardAsync(string id, CancellationToken cancel)
    {
        if (await RowAsync(id, cancel) is not { } row)
            return null;
        var folder = data.Resolve(row.Path);
        var facts = ModelInspector.Inspect(folder);
        return new ModelCard(
            Summary(row), facts.Config, facts.Readme.Text, ModelInspector.ChatTemplate(folder), facts.VocabularySize, facts.MaxPositions,
            facts.Problem ?? ModelInspector.TokenizerProblem(folder));
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
            foreach (var (id, folder, path, isSample) in Folders())
            {
                if (!taken.Add(id))
                    continue;
                if (!rows.TryGetValue(id, out var row))
                {
                    row = new ModelEntity { Id = id, Name = id, Path = path, CreatedAt = time.GetUtcNow(), CreatedBy = person.Id };
                    db.Models.Add(row);
                }

                Fill(row, ModelInspector.Inspect(folder), path, isSample);
            }

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

        return row is not null && IsModel(data.Resolve(row.Path)) ? row : null;
    }

    private IEnumerable<(string Id, string Folder, string Path, bool IsSample)> Folders()
    {
        var samples = Path.GetFullPath(Path.Combine(Installation.Root, options.Value.SamplesDirectory, "models"));
        foreach (var folder in Models(samples))
            yield return (Path.GetFileName(folder), folder, folder, true);
        foreach (var folder in Models(data.Models))
            yield return (Path.GetFileName(folder), folder, Path.GetRelativePath(data.Root, folder).Replace('\\', '/'), false);
    }

    private static IEnumerable<string> Models(string root) =>
        Directory.Exists(root) ? Directory.EnumerateDirectories(root).Where(IsModel).Order(StringComparer.Ordinal) : [];

    private static bool IsModel(string folder) => File.Exists(Path.Combine(folder, "config.json")) || Directory.EnumerateFiles(folder, "*.gguf").Any();

    private static void Fill(ModelEntity row, ModelFacts facts, string path, bool isSample)
    {
        (row.Path, row.IsSample, row.Architecture, row.Parameters) = (path, isSample, facts.Architecture, facts.Parameters);
        (row.Dtype, row.Bytes, row.License, row.Languages) = (facts.Dtype, facts.Bytes, facts.Readme.License, string.Join(',', facts.Readme.Languages));
    }

    private static ModelSummary Summary(ModelEntity row) => new(
        row.Id, row.Name, row.Architecture, row.Parameters, row.Dtype, row.Bytes, row.IsSample, row.License,
        row.Languages.Split(',', StringSplitOptions.RemoveEmptyEntries));
}
