using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Workbench.Client.Contracts;
using Workbench.Server.Runs;
using Workbench.Server.Storage;

namespace Workbench.Server.Planning;

/// <summary>How long a run will take, judged by what finished runs on this machine took; where none has finished, by <see cref="FirstEstimate"/>.</summary>
public sealed class RunTimes(IDbContextFactory<WorkbenchDb> databases)
{
    private const int Looked = 200;

    /// <summary>Below so many steps or answers, a run has spent most of its time on getting warm.</summary>
    private const int LeastCounted = 10;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    /// <summary>Seconds, or null.</summary>
    public async Task<double?> EstimateAsync(RunPlan plan, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(plan);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var finished = await db.Runs.AsNoTracking()
            .Where(run => run.State == RunState.Completed && run.ModelId == plan.Draft.ModelId && run.DatasetId == plan.Draft.DatasetId && run.ProjectionJson != null)
            .OrderByDescending(run => run.CreatedAt).Take(Looked)
            .Select(run => new { run.PeftType, run.DraftJson, run.ProjectionJson }).ToListAsync(cancel);
        var past = finished.Select(run => Past.Of(run.PeftType, JsonSerializer.Deserialize<RunDraft>(run.DraftJson, s_json), RunProjection.Read(run.ProjectionJson)))
            .OfType<Past>().Where(run => run.Draft.Device == plan.Draft.Device && run.Draft.Dtype == plan.Draft.Dtype && run.Draft.Threads == plan.Draft.Threads).ToArray();
        var pace = plan.Steps == 0 ? 0 : Pace(past, plan);
        var answer = plan.TestRecords == 0 ? 0 : SecondsPerAnswer(past, plan);
        return pace is { } step && answer is { } record ? (plan.Steps * step) + (plan.TestRecords * record) : FirstEstimate.Of(plan);
    }

    /// <summary>Seconds of a step: of this method where one has finished, otherwise of the slowest other, since that is the safe side.</summary>
    private static double? Pace(Past[] past, RunPlan plan)
    {
        var batch = plan.Arguments.PerDeviceTrainBatchSize * plan.Arguments.GradientAccumulationSteps;
        var rates = past.Where(run => run.SecondsPerRecord is > 0).ToArray();
        return Newest(rates, plan.Draft.PeftType)?.SecondsPerRecord * batch ?? (rates.Length > 0 ? rates.Max(run => run.SecondsPerRecord) * batch : null);
    }

    private static double? SecondsPerAnswer(Past[] past, RunPlan plan)
    {
        var rates = past.Where(run => run.SecondsPerAnswer is > 0).ToArray();
        return Newest(rates, plan.Draft.PeftType)?.SecondsPerAnswer ?? (rates.Length > 0 ? rates.Max(run => run.SecondsPerAnswer) : null);
    }

    private static Past? Newest(Past[] past, string peftType) => Array.Find(past, run => run.PeftType == peftType);

    private sealed record Past(string PeftType, RunDraft Draft, double? SecondsPerRecord, double? SecondsPerAnswer)
    {
        public static Past? Of(string peftType, RunDraft? draft, RunProjection projection)
        {
            if (draft is null)
                return null;
            var batch = Number(draft, "per_device_train_batch_size", 8) * Number(draft, "gradient_accumulation_steps", 1);
            var metrics = projection.Metrics;
            return new Past(
                peftType,
                draft,
                projection.Step >= LeastCounted && batch > 0 ? projection.Seconds / projection.Step / batch : null,
                metrics is { Records: >= LeastCounted } ? metrics.EvalSeconds / metrics.Records : null);
        }

        private static double Number(RunDraft draft, string name, double standard) =>
            draft.Training.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : standard;
    }
}
