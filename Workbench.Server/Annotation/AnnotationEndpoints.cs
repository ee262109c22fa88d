using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.SignalR;
using Peft.Core;
using Peft.Core.Data;
using Peft.Core.Data.Annotation;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;

namespace Workbench.Server.Annotation;

/// <summary>Annotation of a dataset: schema, records with their graphs, operations, export.</summary>
internal static class AnnotationEndpoints
{
    /// <summary>The record's own graph; annotators' copies have their names.</summary>
    private const string Shared = "";

    public static IServiceCollection AddAnnotation(this IServiceCollection services)
    {
        services.AddSingleton<AnnotationStore>();
        services.AddSingleton<AnnotationSchemas>();
        services.AddSingleton<AdapterSuggester>();
        services.AddSingleton<Annotators>();
        return services;
    }

    public static IEndpointRouteBuilder MapAnnotation(this IEndpointRouteBuilder routes)
    {
        routes.MapHub<AnnotationHub>(Routes.AnnotationHub);
        var group = routes.MapGroup(Routes.Datasets + "/{id}/" + Routes.Annotation).WithTags("Annotation");
        group.MapGet("/", SetupAsync).WithName("GetAnnotation").WithSummary("Schema, progress, where to begin, and what undo can take back");
        group.MapGet("/schema", SchemaAsync).WithName("GetAnnotationSchema").WithSummary("Entity and relation types");
        group.MapPut("/schema", SaveSchemaAsync).WithName("SaveAnnotationSchema").WithSummary("Save the types; marks of renamed types follow, others are flagged");
        group.MapGet("/records/{record}", OpenAsync).WithName("OpenAnnotation").WithSummary("A record with its entities and relations");
        group.MapPost("/records/{record}/operations", ApplyAsync).WithName("ApplyAnnotation")
            .WithSummary("One operation; the same one again changes nothing. 409: somebody else changed this; 422: not allowed, with the reason");
        group.MapPost("/records/{record}/read", ReadAsync).WithName("ReadAnnotationTexts").WithSummary("The operation that brings typed texts into the graph, or what is wrong with them");
        group.MapPost("/records/{record}/suggest", SuggestAsync).WithName("SuggestAnnotation").WithSummary("What rules and other records suggest, or the adapter of a run");
        group.MapGet("/export", ExportAsync).WithName("ExportAnnotation").WithSummary("Every annotated text as a JSON line with the words beside the offsets")
            .Produces(StatusCodes.Status200OK, contentType: "application/x-ndjson");
        return routes;
    }

    private static async Task<Results<Ok<AnnotationSetup>, ProblemHttpResult>> SetupAsync(string id, DatasetStore datasets, AnnotationStore store, CancellationToken cancel) =>
        await datasets.FindAsync(id, cancel) is null ? DatasetEndpoints.Missing(id) : TypedResults.Ok(store.Setup(datasets.File(id), Shared));

    private static async Task<Results<Ok<AnnotationSchemaState>, ProblemHttpResult>> SchemaAsync(string id, DatasetStore datasets, AnnotationSchemas schemas, CancellationToken cancel) =>
        await datasets.FindAsync(id, cancel) is null ? DatasetEndpoints.Missing(id) : TypedResults.Ok(schemas.State(datasets.File(id)));

    private static async Task<Results<Ok<AnnotationSchemaState>, ProblemHttpResult>> SaveSchemaAsync(
        string id, SaveAnnotationSchema save, DatasetStore datasets, AnnotationSchemas schemas, CancellationToken cancel)
    {
        if (await datasets.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        try
        {
            var state = schemas.Save(datasets.File(id), save);
            await datasets.RefreshAsync(id, CancellationToken.None);
            return TypedResults.Ok(state);
        }
        catch (AnnotationConflictException conflict)
        {
            return Conflict(conflict);
        }
    }

    private static async Task<Results<Ok<AnnotationView>, ProblemHttpResult>> OpenAsync(string id, string record, DatasetStore datasets, AnnotationStore store, CancellationToken cancel)
    {
        if (await datasets.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        return store.Open(datasets.File(id), record, Shared) is { } view ? TypedResults.Ok(view) : RecordEndpoints.NoRecord(record);
    }

    private static async Task<Results<Ok<AnnotationAnswer>, ProblemHttpResult>> ApplyAsync(
        string id, string record, AnnotationOperation operation, DatasetStore datasets, AnnotationStore store, IHubContext<AnnotationHub, IAnnotationClient> others, CancellationToken cancel)
    {
        if (await datasets.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        operation = operation with { Spans = operation.Spans ?? [], Relations = operation.Relations ?? [] };
        if (string.IsNullOrWhiteSpace(operation.Id) || string.IsNullOrWhiteSpace(operation.Kind) || operation.IsEmpty)
            throw new PeftException("An operation needs an id, a kind, and something that it changes.");
        try
        {
            if (store.Apply(datasets.File(id), record, Shared, operation) is not var (answer, changed))
                return RecordEndpoints.NoRecord(record);
            if (changed)
                await datasets.RefreshAsync(id, CancellationToken.None);
            await others.Clients.Group(id).Annotated(record, JsonSerializer.SerializeToElement(operation, AnnotationFile.Json));
            return TypedResults.Ok(answer);
        }
        catch (AnnotationConflictException conflict)
        {
            return Conflict(conflict);
        }
    }

    private static async Task<Results<Ok<AnnotationReading>, ProblemHttpResult>> ReadAsync(
        string id, string record, ReadRecordTexts typed, DatasetStore datasets, AnnotationStore store, CancellationToken cancel)
    {
        if (await datasets.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        var texts = new InstructionRecord(typed.Texts.Instruction, typed.Texts.Input, typed.Texts.Output);
        return store.Read(datasets.File(id), record, Shared, texts) is { } reading ? TypedResults.Ok(reading) : RecordEndpoints.NoRecord(record);
    }

    private static async Task<Results<Ok<AnnotationSuggestions>, ProblemHttpResult>> SuggestAsync(
        string id, string record, AskSuggestions ask, DatasetStore datasets, AnnotationStore store, AdapterSuggester adapters, CancellationToken cancel)
    {
        if (await datasets.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        if (ask.RunId is not { } run)
            return store.Suggest(datasets.File(id), record, Shared) is { } found ? TypedResults.Ok(found) : RecordEndpoints.NoRecord(record);
        if (AnnotationStore.Question(datasets.File(id), record) is not { } question)
            return RecordEndpoints.NoRecord(record);
        var triples = await adapters.AskAsync(run, question, cancel);
        return store.Suggest(datasets.File(id), record, Shared, triples) is { } suggested ? TypedResults.Ok(suggested) : RecordEndpoints.NoRecord(record);
    }

    private static async Task<Results<PushStreamHttpResult, ProblemHttpResult>> ExportAsync(
        string id, DatasetStore datasets, CancellationToken cancel, OffsetUnit unit = OffsetUnit.CodePoint)
    {
        if (await datasets.FindAsync(id, cancel) is not { } dataset)
            return DatasetEndpoints.Missing(id);
        return TypedResults.Stream(async target =>
        {
            using var connection = AnnotationFile.Open(datasets.File(id));
            foreach (var row in AnnotationFile.All(connection, Shared))
                await target.WriteAsync(Encoding.UTF8.GetBytes(AnnotationInterchange.Line(AnnotationInterchange.To(row.Text, unit)) + "\n"), cancel);
        }, "application/x-ndjson", dataset.Name + ".annotated.jsonl");
    }

    private static ProblemHttpResult Conflict(AnnotationConflictException conflict) => TypedResults.Problem(conflict.Message, statusCode: StatusCodes.Status409Conflict);
}
