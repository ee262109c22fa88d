using System.Text.Json;
using System.Text.Json.Serialization;
using Workbench.Client.Contracts;
using Workbench.Server.Storage;

namespace Workbench.Server.Runs;

/// <summary>From row and projection to what pages show.</summary>
internal static class RunMapper
{
    /// <summary>How DTOs are kept in rows: as on the web.</summary>
    public static JsonSerializerOptions WebJson { get; } = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    public static RunSummary ToSummary(RunEntity run, RunProjection projection, int? queuePosition)
    {
        var active = RunStateMachine.IsActive(run.State);
        return new RunSummary(
            run.Id, run.Name, run.PeftType, run.Family, run.DatasetId, run.DatasetName, run.ModelId, run.ModelName, run.State, projection.Step, projection.TotalSteps,
            active ? projection.EtaSeconds : null, projection.Loss, projection.EvalLoss, projection.TokensPerSecond, run.CreatedAt, Time(projection.StartedAt),
            active || run.State == RunState.Queued ? null : Time(projection.EndedAt), run.ComparisonId, run.Message, projection.ToResult(), run.Color,
            run.State == RunState.Queued ? queuePosition : null);
    }

    public static RunDraft ReadDraft(RunEntity run) => JsonSerializer.Deserialize<RunDraft>(run.DraftJson, WebJson)
        ?? throw new InvalidDataException($"The draft of run {run.Id} is empty in the database.");

    private static DateTimeOffset? Time(long? milliseconds) => milliseconds is { } value ? DateTimeOffset.FromUnixTimeMilliseconds(value) : null;
}
