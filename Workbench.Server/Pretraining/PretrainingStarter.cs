using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Peft.Core;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using Workbench.Server.Hosting;
using Workbench.Server.Jobs;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

namespace Workbench.Server.Pretraining;

/// <summary>Orders pretrainings: they wait in the queue of all runs and end as a folder among the models.</summary>
internal sealed class PretrainingStarter(
    PretrainingPlanner planner, DatasetStore datasets, IDbContextFactory<WorkbenchDb> databases, RunTracking tracking, RunSupervisor supervisor, DataDirectory data,
    ICurrentPerson person)
{
    /// <summary>What a draft amounts to, before anything is started.</summary>
    public async Task<PretrainPreview> PreviewAsync(PretrainDraft draft, CancellationToken cancel)
    {
        var plan = await planner.PlanAsync(draft, cancel);
        var parameters = plan.Config?.ParameterCount() ?? 0;
        return new PretrainPreview(
            parameters, plan.Config?.VocabSize ?? 0, parameters * 2, PretrainingMemory.Bytes(plan), Planning.MemoryPlan.Machine(), plan.Documents,
            PretrainingCommand.Of(plan, data), plan.Problems);
    }

    /// <summary>Writes the run directory and puts the run at the end of the queue.</summary>
    /// <exception cref="PeftException">The draft cannot be run; every reason is named.</exception>
    public async Task<RunSummary> StartAsync(PretrainDraft draft, CancellationToken cancel)
    {
        var plan = await planner.PlanAsync(draft, cancel);
        if (!plan.CanStart)
            throw new PeftException(string.Join(Environment.NewLine, plan.Problems.Where(problem => problem.Severity == "error").Select(problem => problem.Message)));
        var request = new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            Kind = RunKind.Pretrain,
            Name = draft.Name.Trim(),
            BaseModel = plan.Tokenizer!.Path,
            BaseModelName = plan.Tokenizer.Name,
            Dtype = "float32",
            Device = draft.Device,
            Threads = draft.Threads,
            Peft = PretrainingDefaults.Method,
            Dataset = plan.CorpusPath ?? await FreezeAsync(plan.Dataset!.Id, cancel),
            Training = plan.Training,
            Evaluation = new RunEvaluation { MaxRecords = 0 },
            Pretraining = plan.Order,
            CreatedAt = tracking.Now,
            CreatedBy = person.Id,
        };
        RunDirectory.Create(data.Runs, request);
        var (ticket, color) = await tracking.Store.NextPlaceAsync(cancel);
        var run = new RunEntity
        {
            Id = request.Id,
            Name = request.Name,
            PeftType = PretrainDraft.PeftType,
            Family = MethodFamily.Full,
            DatasetId = plan.CorpusPath is null ? plan.Dataset!.Id : "",
            DatasetName = plan.CorpusName,
            ModelId = plan.Tokenizer.Id,
            ModelName = plan.Tokenizer.Name,
            DraftJson = JsonSerializer.Serialize(PretrainingDrafts.Settings(request, plan.Tokenizer.Id, plan.Dataset?.Id ?? ""), RunMapper.WebJson),
            Command = PretrainingCommand.Of(plan, data),
            State = RunState.Queued,
            QueueTicket = ticket,
            Color = color,
            CreatedAt = request.CreatedAt,
            CreatedBy = person.Id,
        };
        await tracking.Store.AddAsync(run, cancel);
        supervisor.WakeQueue();
        await tracking.PublishAsync(run.Id);
        return RunMapper.ToSummary(run, new RunProjection(), RunTracking.Position(await tracking.Store.QueueAsync(cancel), run.Id));
    }

    private async Task<string> FreezeAsync(string datasetId, CancellationToken cancel)
    {
        var dataset = await datasets.FindAsync(datasetId, cancel) ?? throw new PeftException($"There is no dataset '{datasetId}'. It may have been deleted in the meantime.");
        var snapshot = await datasets.SnapshotAsync(dataset, cancel);
        await using var db = await databases.CreateDbContextAsync(cancel);
        return (await db.Snapshots.AsNoTracking().SingleAsync(row => row.DatasetId == snapshot.DatasetId && row.Hash == snapshot.Hash, cancel)).Path;
    }
}
