using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Methods;
using Workbench.Server.Models;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

namespace Workbench.Server.Adapters;

/// <summary>
/// Saved adapters: those of runs, and under <c>adapters/</c> of the data directory those that were imported or made of others. A folder there holds
/// <c>adapter.json</c> and the adapter's own files under <c>files/</c>.
/// </summary>
public sealed class AdapterStore(IDbContextFactory<WorkbenchDb> databases, DataDirectory data, ModelStore models, TimeProvider time)
{
    private const string Files = "files";

    private readonly ConcurrentDictionary<string, (DateTime Stamp, AdapterSummary Summary)> _known = new(StringComparer.Ordinal);

    /// <summary>All of them, newest first.</summary>
    public async Task<IReadOnlyList<AdapterSummary>> ListAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var runs = await db.Runs.AsNoTracking().Where(run => run.PeftType != TrainingDefaults.Baseline).ToListAsync(cancel);
        var names = await db.Models.AsNoTracking().ToDictionaryAsync(model => model.Id, model => model.Name, cancel);
        return
        [
            .. runs.Select(OfRun).Concat(Own(names)).OfType<AdapterSummary>().OrderByDescending(adapter => adapter.CreatedAt).ThenBy(adapter => adapter.Id, StringComparer.Ordinal),
        ];
    }

    /// <summary>One of them with its folder; null when there is none.</summary>
    public async Task<(AdapterSummary Summary, string Folder)?> FindAsync(string id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        if (await db.Runs.AsNoTracking().SingleOrDefaultAsync(run => run.Id == id, cancel) is { } run)
            return run.PeftType != TrainingDefaults.Baseline && OfRun(run) is { } summary ? (summary, RunFiles.AdapterFolder(data.Run(id))!) : null;
        var names = await db.Models.AsNoTracking().ToDictionaryAsync(model => model.Id, model => model.Name, cancel);
        return Root(id) is { } root && OfFolder(root, names) is { } own ? (own, Path.Combine(root, Files)) : null;
    }

    /// <summary>Everything about one; null when there is none.</summary>
    public async Task<AdapterDetail?> DetailAsync(string id, CancellationToken cancel)
    {
        if (await FindAsync(id, cancel) is not var (summary, folder))
            return null;
        var baseFolder = summary.ModelId is { } model ? await models.FolderAsync(model, cancel) : null;
        return AdapterInspector.Detail(summary, folder, baseFolder) with { Path = folder, Origin = Root(id) is { } root ? AdapterFile.Read(root)?.Origin : null };
    }

    /// <summary>Makes a folder of the adapter's files an adapter: one rename.</summary>
    /// <param name="files">The files; moved.</param>
    /// <param name="title">Its name.</param>
    /// <param name="source">Where it comes from.</param>
    /// <param name="modelId">Its base, where that is known.</param>
    /// <param name="origin">What it was made of.</param>
    /// <returns>Its id.</returns>
    internal string Add(string files, string title, AdapterSource source, string? modelId, string? origin)
    {
        var id = Ulid.NewUlid().ToString();
        var aside = Path.Combine(data.AdapterWork, id);
        Directory.CreateDirectory(aside);
        Directory.Move(files, Path.Combine(aside, Files));
        new AdapterFile { Title = title, Source = source, ModelId = modelId, Origin = origin, CreatedAt = time.GetUtcNow() }.Write(aside);
        Directory.Move(aside, Path.Combine(data.Adapters, id));
        return id;
    }

    /// <summary>Deletes one that no run made. False when there is none.</summary>
    /// <exception cref="PeftException">It is a run's.</exception>
    public async Task<bool> RemoveAsync(string id, CancellationToken cancel)
    {
        if (await FindAsync(id, cancel) is not var (summary, _))
            return false;
        if (summary.Source == AdapterSource.Run)
            throw new PeftException($"'{summary.Name}' belongs to a run. Delete the run instead.");
        var aside = Path.Combine(data.AdapterWork, "removed-" + id);
        Directory.Move(Root(id)!, aside);
        Directory.Delete(aside, recursive: true);
        return true;
    }

    private AdapterSummary? OfRun(RunEntity run) => RunFiles.AdapterFolder(data.Run(run.Id)) is { } folder
        ? Look(folder, () => AdapterInspector.Summary(run.Id, "", AdapterSource.Run, folder, run.ModelId, run.ModelName, run.CreatedAt)) with { Name = run.Name.Length > 0 ? run.Name : run.PeftType }
        : null;

    private IEnumerable<AdapterSummary?> Own(Dictionary<string, string> modelNames) =>
        Directory.Exists(data.Adapters) ? Directory.EnumerateDirectories(data.Adapters).Where(root => Path.GetFileName(root)[0] != '.').Select(root => OfFolder(root, modelNames)) : [];

    private AdapterSummary? OfFolder(string root, Dictionary<string, string> modelNames)
    {
        if (AdapterFile.Read(root) is not { } file)
            return null;
        var folder = Path.Combine(root, Files);
        var modelName = file.ModelId is { } model ? modelNames.GetValueOrDefault(model) : null;
        return Look(folder, () => AdapterInspector.Summary(Path.GetFileName(root), file.Title, file.Source, folder, file.ModelId, modelName, file.CreatedAt));
    }

    /// <summary>Looked at again only when its folder changed: a list of a thousand runs must not open a thousand files of weights.</summary>
    private AdapterSummary Look(string folder, Func<AdapterSummary> look)
    {
        var stamp = Directory.GetLastWriteTimeUtc(folder);
        if (_known.TryGetValue(folder, out var known) && known.Stamp == stamp)
            return known.Summary;
        var summary = look();
        _known[folder] = (stamp, summary);
        return summary;
    }

    private string? Root(string id) => Ulid.TryParse(id, out _) && Path.Combine(data.Adapters, id) is var root && Directory.Exists(root) ? root : null;
}
