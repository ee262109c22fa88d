using Microsoft.AspNetCore.Http.HttpResults;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Cleaning;

/// <summary>Cleaning a dataset, and what it set aside.</summary>
internal static class CleaningEndpoints
{
    private const int LargestPage = 500;

    public static IEndpointRouteBuilder MapCleaning(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Datasets).WithTags("Cleaning");
        group.MapGet("/cleaning/rules", () => TypedResults.Ok(CleaningService.Rules)).WithName("ListCleaningRules").WithSummary("Rules of cleaning and what they do by default");
        group.MapPost("/{id}/cleaning/preview", PreviewAsync).WithName("PreviewCleaning").WithSummary("What cleaning would take out and correct; nothing changes");
        group.MapPost("/{id}/cleaning", ApplyAsync).WithName("CleanDataset").WithSummary("Clean as one change; what goes lies in the quarantine, and undo brings it back");
        group.MapGet("/{id}/quarantine", PageAsync).WithName("ListQuarantine").WithSummary("Records and rows that are set aside, with the reason");
        group.MapPost("/{id}/quarantine/restore", RestoreAsync).WithName("RestoreQuarantine").WithSummary("Bring records back exactly as they were");
        group.MapGet("/{id}/quarantine/refused", RefusedAsync).WithName("DownloadRefused").WithSummary("Rows that imports refused, as JSON lines with place, reason and the row itself").Produces(StatusCodes.Status200OK, contentType: "application/x-ndjson");
        return routes;
    }

    private static async Task<Results<Ok<CleaningPreview>, ProblemHttpResult>> PreviewAsync(string id, CleaningOrder order, DatasetStore store, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is null ? DatasetEndpoints.Missing(id) : TypedResults.Ok(await Task.Run(() => CleaningService.Preview(store.File(id), order), cancel));

    private static async Task<Results<Ok<CleaningPreview>, ProblemHttpResult>> ApplyAsync(string id, CleaningOrder order, DatasetStore store, CleaningService cleaning, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        var done = await Task.Run(() => cleaning.Apply(store.File(id), order), cancel);
        await store.RefreshAsync(id, CancellationToken.None);
        return TypedResults.Ok(done);
    }

    private static async Task<Results<Ok<QuarantinePage>, ProblemHttpResult>> PageAsync(string id, DatasetStore store, CancellationToken cancel, string? reason = null, int offset = 0, int limit = 50)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        using var connection = store.File(id).Connect();
        return TypedResults.Ok(Quarantine.Page(connection, reason, Math.Max(0, offset), Math.Clamp(limit, 1, LargestPage)));
    }

    private static async Task<Results<Ok<EditState>, ProblemHttpResult>> RestoreAsync(string id, RestoreOrder order, DatasetStore store, Quarantine quarantine, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        return await Task.Run(() => quarantine.Restore(store.File(id), order), cancel) > 0
            ? TypedResults.Ok(await store.RefreshAsync(id, CancellationToken.None))
            : TypedResults.Problem("There is no such record in the quarantine. It may have come back in the meantime.", statusCode: StatusCodes.Status409Conflict);
    }

    private static async Task<Results<FileContentHttpResult, ProblemHttpResult>> RefusedAsync(string id, DatasetStore store, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is not { } dataset)
            return DatasetEndpoints.Missing(id);
        using var connection = store.File(id).Connect();
        using var buffer = new MemoryStream();
        Quarantine.WriteRefused(connection, buffer);
        return TypedResults.File(buffer.ToArray(), "application/x-ndjson", $"{dataset.Name}.refused.jsonl");
    }
}
