using Microsoft.AspNetCore.Http.HttpResults;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>Records of a dataset: read, type, change, undo, split.</summary>
public static class RecordEndpoints
{
    private const int LargestPage = 1000;

    public static IEndpointRouteBuilder MapRecords(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Datasets).WithTags("Records");
        group.MapPost("/render", (RelationFormDto form) => TypedResults.Ok(RelationForms.Render(form))).WithName("RenderForm")
            .WithSummary("Instruction, input and output of the lecture's form, and what is doubtful about it");
        group.MapGet("/{id}/records", PageAsync).WithName("ListRecords").WithSummary("A page of records, optionally of one split or those that contain a text");
        group.MapGet("/{id}/records/{record}", FindAsync).WithName("GetRecord").WithSummary("One record");
        group.MapPost("/{id}/records", AddAsync).WithName("AddRecord").WithSummary("Add a record as instruction/input/output or in the lecture's form");
        group.MapPut("/{id}/records/{record}", UpdateAsync).WithName("UpdateRecord").WithSummary("Change a record");
        group.MapDelete("/{id}/records/{record}", DeleteAsync).WithName("DeleteRecord").WithSummary("Delete a record (undo brings it back)");
        group.MapGet("/{id}/edits", StateAsync).WithName("GetEditState").WithSummary("What undo and redo would act on");
        group.MapPost("/{id}/undo", (string id, DatasetStore store, DatasetEditor editor, CancellationToken cancel) => ReverseAsync(id, false, store, editor, cancel))
            .WithName("UndoEdit").WithSummary("Take back the last change, also after a restart");
        group.MapPost("/{id}/redo", (string id, DatasetStore store, DatasetEditor editor, CancellationToken cancel) => ReverseAsync(id, true, store, editor, cancel))
            .WithName("RedoEdit").WithSummary("Bring back the change that was taken back last");
        group.MapPost("/{id}/split", SplitAsync).WithName("SplitDataset").WithSummary("Deal the records anew by a seed; equal inputs stay on one side");
        return routes.MapTokens().MapLengths();
    }

    private static async Task<Results<Ok<RecordPage>, ProblemHttpResult>> PageAsync(
        string id, DatasetStore store, CancellationToken cancel, DatasetSplit? split = null, int offset = 0, int limit = 50, string? query = null)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        using var connection = store.File(id).Connect();
        return TypedResults.Ok(RecordQueries.Page(connection, split, Math.Max(0, offset), Math.Clamp(limit, 1, LargestPage), query));
    }

    private static async Task<Results<Ok<RecordDto>, ProblemHttpResult>> FindAsync(string id, string record, DatasetStore store, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        using var connection = store.File(id).Connect();
        return RecordQueries.Find(connection, record) is { } found ? TypedResults.Ok(found) : NoRecord(record);
    }

    private static async Task<Results<Created<RecordDto>, ProblemHttpResult>> AddAsync(
        string id, SaveRecord save, DatasetStore store, DatasetEditor editor, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        var added = editor.Add(store.File(id), save);
        await store.RefreshAsync(id, CancellationToken.None);
        return TypedResults.Created($"{Routes.Datasets}/{id}/records/{added.Id}", added);
    }

    private static async Task<Results<Ok<RecordDto>, ProblemHttpResult>> UpdateAsync(
        string id, string record, SaveRecord save, DatasetStore store, DatasetEditor editor, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        if (editor.Update(store.File(id), record, save) is not { } updated)
            return NoRecord(record);
        await store.RefreshAsync(id, CancellationToken.None);
        return TypedResults.Ok(updated);
    }

    private static async Task<Results<Ok<EditState>, ProblemHttpResult>> DeleteAsync(
        string id, string record, DatasetStore store, DatasetEditor editor, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        return editor.Delete(store.File(id), record) ? TypedResults.Ok(await store.RefreshAsync(id, CancellationToken.None)) : NoRecord(record);
    }

    private static async Task<Results<Ok<EditState>, ProblemHttpResult>> StateAsync(string id, DatasetStore store, CancellationToken cancel) =>
        await store.StateAsync(id, cancel) is { } state ? TypedResults.Ok(state) : DatasetEndpoints.Missing(id);

    private static async Task<Results<Ok<EditState>, ProblemHttpResult>> ReverseAsync(
        string id, bool redo, DatasetStore store, DatasetEditor editor, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        if (!editor.Reverse(store.File(id), redo))
            return TypedResults.Problem(redo ? "There is nothing to redo." : "There is nothing to undo.", statusCode: StatusCodes.Status409Conflict);
        return TypedResults.Ok(await store.RefreshAsync(id, CancellationToken.None));
    }

    private static async Task<Results<Ok<EditState>, ProblemHttpResult>> SplitAsync(
        string id, SplitDataset order, DatasetStore store, DatasetEditor editor, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        await Task.Run(() => editor.Split(store.File(id), order), cancel);
        return TypedResults.Ok(await store.RefreshAsync(id, CancellationToken.None));
    }

    internal static ProblemHttpResult NoRecord(string record) =>
        TypedResults.Problem($"There is no record '{record}'. It may have been deleted in the meantime; undo brings it back.", statusCode: StatusCodes.Status404NotFound);
}
