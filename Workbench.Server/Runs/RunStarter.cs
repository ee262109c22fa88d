using System.Text.Json;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Jobs;
using Workbench.Server.Storage;

namespace Workbench.Server.Runs;

/// <summary>Orders runs: the draft is made complete, the directory written, the row put at the end of the queue.</summary>
internal sealed class RunStarter(
    RunTracking tracking, RunSupervisor supervisor, IRunRequestFactory factory, DataDirectory data, ICurrentPerson person) : IRunStarter
{
    public async Task<RunSummary> StartAsync(RunDraft draft, string? comparisonId, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(draft);
        var id = Ulid.NewUlid().ToString();
        var order = await factory.CreateAsync(id, draft, cancel);
        RunDirectory.Create(data.Runs, order.Request);
        var (ticket, color) = await tracking.Store.NextPlaceAsync(cancel);
        var run = new RunEntity
        {
            Id = id,
            Name = order.Request.Name,
            PeftType = draft.PeftType,
            Family = order.Family,
            DatasetId = draft.DatasetId,
            DatasetName = order.DatasetName,
            ModelId = draft.ModelId,
            ModelName = order.ModelName,
            ComparisonId = comparisonId,
            DraftJson = JsonSerializer.Serialize(draft with { Name = order.Request.Name, TaskType = order.Request.TaskType }, RunMapper.WebJson),
            Command = order.Command,
            State = RunState.Queued,
            QueueTicket = ticket,
            Color = color,
            CreatedAt = tracking.Now,
            CreatedBy = person.Id,
        };
        await tracking.Store.AddAsync(run, cancel);
        supervisor.WakeQueue();
        await tracking.PublishAsync(run.Id);
        return RunMapper.ToSummary(run, new RunProjection(), RunTracking.Position(await tracking.Store.QueueAsync(cancel), id));
    }
}
