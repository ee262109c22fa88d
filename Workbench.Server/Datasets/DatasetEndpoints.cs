using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets.Cleaning;
using Workbench.Server.Datasets.Import;

namespace Workbench.Server.Datasets;

/// <summary>Datasets themselves: list, make, describe, delete, import, export, freeze.</summary>
public static class DatasetEndpoints
{
    private static readonly JsonWriterOptions s_line = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IServiceCollection AddDatasets(this IServiceCollection services)
    {
        services.AddSingleton<DatasetStore>();
        services.AddSingleton<DatasetEditor>();
        services.AddSingleton<DatasetImporter>();
        services.AddSingleton<ImportUploads>();
        services.AddSingleton<ImportJobs>();
        services.AddSingleton<CleaningService>();
        services.AddSingleton<Quarantine>();
        return services;
    }

    public static IEndpointRouteBuilder MapDatasets(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Datasets).WithTags("Datasets");
        group.MapGet("/", (DatasetStore store, CancellationToken cancel) => store.ListAsync(cancel)).WithName("ListDatasets").WithSummary("Every dataset, newest change first");
        group.MapPost("/", CreateAsync).WithName("CreateDataset").WithSummary("Make an empty dataset");
        group.MapGet("/{id}", FindAsync).WithName("GetDataset").WithSummary("Name, counts per split and number of problems");
        group.MapPut("/{id}", DescribeAsync).WithName("DescribeDataset").WithSummary("Change name and description");
        group.MapDelete("/{id}", DeleteAsync).WithName("DeleteDataset").WithSummary("Delete a dataset; snapshots that runs were trained on stay");
        group.MapPost("/{id}/snapshots", SnapshotAsync).WithName("CreateSnapshot").WithSummary("Freeze the records; equal records give the snapshot that exists");
        group.MapGet("/{id}/snapshots", SnapshotsAsync).WithName("ListSnapshots").WithSummary("Frozen states, newest first");
        group.MapGet("/{id}/export", ExportAsync).WithName("ExportDataset").WithSummary("All records (or one split) as JSON lines or a JSON list")
            .Produces(StatusCodes.Status200OK, contentType: "application/x-ndjson");
        return routes.MapImports().MapCleaning();
    }

    internal static ProblemHttpResult Missing(string id) =>
        TypedResults.Problem($"There is no dataset '{id}'. It may have been deleted in the meantime.", statusCode: StatusCodes.Status404NotFound);

    private static async Task<Created<DatasetSummary>> CreateAsync(CreateDataset order, DatasetStore store, CancellationToken cancel)
    {
        var made = await store.CreateAsync(order.Name ?? "", order.Description ?? "", isSample: false, cancel);
        return TypedResults.Created($"{Routes.Datasets}/{made.Id}", made);
    }

    private static async Task<Results<Ok<DatasetSummary>, ProblemHttpResult>> FindAsync(string id, DatasetStore store, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is { } found ? TypedResults.Ok(found) : Missing(id);

    private static async Task<Results<Ok<DatasetSummary>, ProblemHttpResult>> DescribeAsync(string id, CreateDataset change, DatasetStore store, CancellationToken cancel) =>
        await store.DescribeAsync(id, change, cancel) is { } found ? TypedResults.Ok(found) : Missing(id);

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(string id, DatasetStore store, CancellationToken cancel) =>
        await store.DeleteAsync(id, cancel) ? TypedResults.NoContent() : Missing(id);

    private static async Task<Results<Ok<SnapshotDto>, ProblemHttpResult>> SnapshotAsync(string id, DatasetStore store, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is not { } dataset)
            return Missing(id);
        return dataset.Train + dataset.Dev + dataset.Test == 0
            ? TypedResults.Problem($"Dataset '{dataset.Name}' is empty: there is nothing to freeze. Import or type records first.", statusCode: StatusCodes.Status422UnprocessableEntity)
            : TypedResults.Ok(await store.SnapshotAsync(dataset, cancel));
    }

    private static async Task<Results<Ok<IReadOnlyList<SnapshotDto>>, ProblemHttpResult>> SnapshotsAsync(string id, DatasetStore store, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is null ? Missing(id) : TypedResults.Ok(await store.SnapshotsAsync(id, cancel));

    private static async Task<Results<PushStreamHttpResult, ProblemHttpResult>> ExportAsync(
        string id, DatasetStore store, CancellationToken cancel, string format = "jsonl", DatasetSplit? split = null)
    {
        if (await store.FindAsync(id, cancel) is not { } dataset)
            return Missing(id);
        if (format is not ("jsonl" or "json"))
            return TypedResults.Problem($"Format '{format}' is not known; use jsonl or json.", statusCode: StatusCodes.Status400BadRequest);
        var name = dataset.Name + (split is { } one ? "." + SnapshotWriter.Name(one) : "") + "." + format;
        var type = format == "json" ? "application/json" : "application/x-ndjson";
        return TypedResults.Stream(target => WriteAsync(target, store.File(id), split, format == "json", cancel), type, name);
    }

    private static async Task WriteAsync(Stream target, WorkingFile file, DatasetSplit? split, bool list, CancellationToken cancel)
    {
        using var connection = file.Connect();
        using var buffer = new MemoryStream();
        var first = true;
        buffer.Write(list ? "[\n"u8 : []);
        foreach (var record in RecordQueries.All(connection, split))
        {
            if (!first)
                buffer.Write(list ? ",\n"u8 : "\n"u8);
            first = false;
            WriteRecord(buffer, record, withSplit: split is null);
            if (buffer.Length < 64 * 1024)
                continue;
            await target.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), cancel);
            buffer.SetLength(0);
        }

        buffer.Write(list ? "\n]\n"u8 : first ? [] : "\n"u8);
        await target.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), cancel);
    }

    private static void WriteRecord(MemoryStream buffer, RecordDto record, bool withSplit)
    {
        using var json = new Utf8JsonWriter(buffer, s_line);
        json.WriteStartObject();
        if (record.Data is { } data)
        {
            foreach (var field in data.EnumerateObject())
                field.WriteTo(json);
        }
        else
        {
            json.WriteString("instruction", record.Instruction);
            json.WriteString("input", record.Input);
            json.WriteString("output", record.Output);
        }

        if (withSplit)
            json.WriteString("split", SnapshotWriter.Name(record.Split));
        json.WriteEndObject();
    }
}
