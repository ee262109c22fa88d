using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using Workbench.Server.Methods;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

namespace Workbench.Server.Planning;

/// <summary>Freezes the dataset and writes the order with every setting spelled out, so that a later change of defaults changes no run.</summary>
internal sealed class RunRequestFactory(
    RunPlanner planner, DatasetStore datasets, IDbContextFactory<WorkbenchDb> databases, TimeProvider time, ICurrentPerson person) : IRunRequestFactory
{
    public async Task<RunOrder> CreateAsync(string id, RunDraft draft, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(draft);
        var plan = await planner.PlanAsync(draft, cancel);
        if (!plan.CanStart)
            throw new PeftException(string.Join(Environment.NewLine, plan.Problems.Where(problem => problem.Severity == "error").Select(problem => problem.Message)));
        var (dataset, model) = (plan.Dataset!, plan.Model!);
        var folder = await FreezeAsync(dataset.Id, cancel);
        var mix = new List<RunDataset>();
        foreach (var (other, weight) in plan.Mix)
            mix.Add(new RunDataset(await FreezeAsync(other.Id, cancel), weight));
        var request = new RunRequest
        {
            Id = id,
            Name = draft.Name.Trim() is { Length: > 0 } given ? given : MethodCatalog.All.First(method => method.PeftType == draft.PeftType).DisplayName,
            BaseModel = model.Path,
            BaseModelName = model.Name,
            Dtype = draft.Dtype,
            Device = draft.Device,
            Threads = draft.Threads,
            TaskType = plan.TaskType,
            Peft = plan.Resolved.Peft,
            Dataset = folder,
            DatasetWeight = draft.DatasetWeight,
            Mix = mix.Count > 0 ? mix : null,
            Training = plan.Resolved.Training,
            Evaluation = new RunEvaluation { MaxRecords = draft.TestRecords, MaxNewTokens = draft.MaxNewTokens },
            CreatedAt = time.GetUtcNow(),
            CreatedBy = person.Id,
        };
        return new RunOrder(request, MethodCatalog.FamilyOf(draft.PeftType), dataset.Name, model.Name, CommandLine.Of(plan, model.Path, folder, mix));
    }

    private async Task<string> FreezeAsync(string datasetId, CancellationToken cancel)
    {
        var dataset = await datasets.FindAsync(datasetId, cancel) ?? throw new PeftException($"There is no dataset '{datasetId}'. It may have been deleted in the meantime.");
        var snapshot = await datasets.SnapshotAsync(dataset, cancel);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var row = await db.Snapshots.AsNoTracking().SingleAsync(row => row.DatasetId == snapshot.DatasetId && row.Hash == snapshot.Hash, cancel);
        return row.Path;
    }
}
