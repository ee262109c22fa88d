using System.Text.Json;
using Peft.Core;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Methods;
using Workbench.Server.Pretraining;
using Workbench.Server.Runs.Series;
using Workbench.Server.Storage;

namespace Workbench.Server.Runs;

/// <summary>
/// Makes rows for run directories that the database does not know: made by <c>peft train</c>, copied from elsewhere, or left over when the
/// database was lost. The directory is the truth, so everything that lists show is read from it.
/// </summary>
internal sealed class RunAdoption(IRunStore store, SeriesStore series, DataDirectory data, ICurrentPerson person, ILogger<RunAdoption> log)
{
    /// <param name="adopted">Told of every run as soon as it has its row: pages may be open already.</param>
    /// <param name="cancel">Ends it early.</param>
    public async Task AdoptAsync(Func<string, Task> adopted, CancellationToken cancel)
    {
        AtomicFolder.CleanUp(data.Runs);
        EmptyTrash();
        var ids = new List<string>();
        var known = (await store.ListAsync(cancel)).Select(run => run.Id).ToHashSet();
        foreach (var folder in Directory.EnumerateDirectories(data.Runs).Order(StringComparer.Ordinal))
        {
            var id = Path.GetFileName(folder);
            if (known.Contains(id) || id.StartsWith('.'))
                continue;
            try
            {
                await AdoptAsync(id, cancel);
                ids.Add(id);
                await adopted(id);
            }
            catch (PeftException e)
            {
                log.LogWarning(e, "The folder {Folder} is left alone", folder);
            }
        }

        // After all rows are there: a chart that is asked for earlier derives its own columns.
        foreach (var id in ids)
        {
            cancel.ThrowIfCancellationRequested();
            series.Prepare(id);
        }
    }

    private async Task AdoptAsync(string id, CancellationToken cancel)
    {
        var paths = data.Run(id);
        var request = RunDirectory.ReadRequest(paths);
        var (_, color) = await store.NextPlaceAsync(cancel);
        var row = new RunEntity
        {
            Id = id,
            Name = request.Name.Length > 0 ? request.Name : id,
            PeftType = request.Kind == RunKind.Pretrain ? PretrainDraft.PeftType : request.Peft["peft_type"]?.GetValue<string>() ?? "NONE",
            DatasetName = Path.GetFileName(Path.TrimEndingDirectorySeparator(request.Dataset)),
            ModelName = request.BaseModelName.Length > 0 ? request.BaseModelName : Path.GetFileName(Path.TrimEndingDirectorySeparator(request.BaseModel)),
            State = RunState.Paused,
            Color = color,
            CreatedAt = request.CreatedAt,
            CreatedBy = person.Id,
            Command = $"peft {(request.Kind == RunKind.Pretrain ? "pretrain" : "train")} --run {paths.Root}",
        };
        // A method that a newer program knows: its run can be looked at all the same.
        row.Family = MethodCatalog.Knows(row.PeftType) ? MethodCatalog.FamilyOf(row.PeftType)
            : request.Kind == RunKind.Pretrain ? MethodFamily.Full : MethodFamily.Reparameterization;
        row.DraftJson = JsonSerializer.Serialize(request.Kind == RunKind.Pretrain ? PretrainingDrafts.Settings(request, "", "") : DraftOf(request, row), RunMapper.WebJson);
        CatchUp(row, paths, cancel);
        await store.AddAsync(row, cancel);
        log.LogInformation("Adopted run {Run} ({Name}) from its directory", id, row.Name);
    }

    /// <summary>Reads the whole log once; from then on the row says how far it was read.</summary>
    private static void CatchUp(RunEntity row, RunPaths paths, CancellationToken cancel)
    {
        var reader = new EventLogReader(paths);
        var projection = new RunProjection();
        for (var lines = reader.ReadNew(); lines.Count > 0; lines = reader.ReadNew())
        {
            cancel.ThrowIfCancellationRequested();
            projection = projection.Apply(lines);
        }

        row.ProjectionJson = projection.Write();
        row.LastSeq = reader.LastSeq;
        row.EventOffset = reader.Offset;
        row.Message = projection.Message;
        row.State = projection.Trainer switch
        {
            null => RunState.Paused,
            { } said => RunStateMachine.Next(RunState.Starting, RunStateMachine.SignalOf(said)) ?? RunState.Starting,
        };
    }

    private static RunDraft DraftOf(RunRequest request, RunEntity row) => new()
    {
        Name = row.Name,
        DatasetId = row.DatasetId,
        ModelId = row.ModelId,
        PeftType = row.PeftType,
        TaskType = request.TaskType,
        Peft = Fields(request.Peft),
        Training = Fields(request.Training),
        Dtype = request.Dtype,
        Device = request.Device,
        Threads = request.Threads,
        TestRecords = request.Evaluation.MaxRecords,
        MaxNewTokens = request.Evaluation.MaxNewTokens,
    };

    private static Dictionary<string, JsonElement> Fields(System.Text.Json.Nodes.JsonObject json) =>
        json.Where(field => field.Key != "peft_type").ToDictionary(field => field.Key, field => JsonSerializer.SerializeToElement(field.Value));

    private void EmptyTrash()
    {
        foreach (var folder in Directory.EnumerateDirectories(data.Trash))
            Directory.Delete(folder, recursive: true);
    }
}
