using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Storage;

namespace Workbench.Server.Runs;

/// <summary>Runs over HTTP: list, order, command, change, delete.</summary>
internal static class RunEndpoints
{
    public static IEndpointRouteBuilder MapRuns(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Runs).WithTags("Runs").ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        group.MapGet("", async (RunService runs, CancellationToken cancel) => TypedResults.Ok(await runs.ListAsync(cancel)))
            .WithName("ListRuns").WithSummary("All runs, newest first");
        group.MapGet("{id}", FindAsync).WithName("GetRun").WithSummary("One run with its settings, files and the number of its newest event");
        group.MapPost("", StartAsync).WithName("StartRun").WithSummary("Orders a run; it waits in the queue until it is its turn");
        group.MapPost("{id}/pause", (string id, RunService runs, CancellationToken cancel) => Answer(id, runs.PauseAsync(id, cancel)))
            .WithName("PauseRun").WithSummary("Checkpoint, then end the trainer; can be resumed bit-exactly");
        group.MapPost("{id}/resume", (string id, RunService runs, CancellationToken cancel) => Answer(id, runs.ResumeAsync(id, cancel)))
            .WithName("ResumeRun").WithSummary("Goes on from the newest checkpoint, through the queue");
        group.MapPost("{id}/stop", (string id, RunService runs, CancellationToken cancel) => Answer(id, runs.StopAsync(id, cancel)))
            .WithName("StopRun").WithSummary("Checkpoint and adapter so far are saved; the run counts as stopped");
        group.MapPost("{id}/kill", (string id, RunService runs, CancellationToken cancel) => Answer(id, runs.KillAsync(id, cancel)))
            .WithName("KillRun").WithSummary("Ends a trainer that was told to pause or stop and does neither; steps since its last checkpoint are lost");
        group.MapPost("{id}/checkpoint", (string id, RunService runs, CancellationToken cancel) => Answer(id, runs.CheckpointAsync(id, cancel)))
            .WithName("CheckpointRun").WithSummary("Writes a checkpoint and goes on");
        group.MapPatch("{id}", UpdateAsync).WithName("UpdateRun").WithSummary("Name and notes");
        group.MapDelete("{id}", DeleteAsync).WithName("DeleteRun").WithSummary("Deletes a run that is not being trained, with all its files");
        group.MapGet("{id}/draft", DraftAsync).WithName("GetRunDraft").WithSummary("The settings of the run, to order another one like it");
        group.MapGet("{id}/events", EventsAsync).WithName("GetRunEvents").WithSummary("Events after a sequence number, at most 5000 at once");
        return routes;
    }

    /// <summary>What every endpoint says about a run that does not exist.</summary>
    public static ProblemHttpResult Missing(string id) =>
        TypedResults.Problem($"There is no run {id}. It may have been deleted.", statusCode: StatusCodes.Status404NotFound, title: "No such run");

    private static async Task<Results<Ok<RunDetail>, ProblemHttpResult>> FindAsync(string id, RunService runs, CancellationToken cancel) =>
        await runs.FindAsync(id, cancel) is { } run ? TypedResults.Ok(run) : Missing(id);

    private static async Task<Created<RunSummary>> StartAsync(RunDraft draft, IRunStarter starter, CancellationToken cancel)
    {
        var run = await starter.StartAsync(draft, comparisonId: null, cancel);
        return TypedResults.Created($"{Routes.Runs}/{run.Id}", run);
    }

    private static async Task<Results<Ok<RunSummary>, ProblemHttpResult>> Answer(string id, Task<CommandOutcome> command)
    {
        var outcome = await command;
        if (outcome.Refusal is { } reason)
            return TypedResults.Problem(reason, statusCode: StatusCodes.Status409Conflict, title: "Not in this state");
        return outcome.Run is { } run ? TypedResults.Ok(run) : Missing(id);
    }

    private static async Task<Results<Ok<RunSummary>, ProblemHttpResult>> UpdateAsync(string id, UpdateRun change, RunService runs, CancellationToken cancel)
    {
        if (change.Name is { } name && (string.IsNullOrWhiteSpace(name) || name.Length > 200))
            return TypedResults.Problem("name: choose 1 to 200 characters.", statusCode: StatusCodes.Status422UnprocessableEntity, title: "This name cannot be used");
        return await runs.UpdateAsync(id, change, cancel) is { } run ? TypedResults.Ok(run) : Missing(id);
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(string id, RunService runs, CancellationToken cancel)
    {
        var outcome = await runs.DeleteAsync(id, cancel);
        if (outcome.Refusal is { } reason)
            return TypedResults.Problem(reason, statusCode: StatusCodes.Status409Conflict, title: "Not in this state");
        return outcome.Run is null ? Missing(id) : TypedResults.NoContent();
    }

    private static async Task<Results<Ok<RunDraft>, ProblemHttpResult>> DraftAsync(string id, IRunStore store, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is { } run ? TypedResults.Ok(RunMapper.ReadDraft(run)) : Missing(id);

    private static async Task<Results<Ok<IReadOnlyList<JsonElement>>, ProblemHttpResult>> EventsAsync(
        string id, IRunStore store, DataDirectory data, CancellationToken cancel, [FromQuery] long after = 0)
    {
        if (await store.FindAsync(id, cancel) is not { } run)
            return Missing(id);
        var reader = new EventLogReader(data.Run(id), after, after >= run.LastSeq ? run.EventOffset : 0);
        var found = new List<JsonElement>();
        for (var lines = reader.ReadNew(); lines.Count > 0 && found.Count < 5000; lines = reader.ReadNew())
            found.AddRange(lines.Take(5000 - found.Count).Select(line => JsonSerializer.Deserialize<JsonElement>(line.Json.Span)));
        return TypedResults.Ok<IReadOnlyList<JsonElement>>(found);
    }
}
