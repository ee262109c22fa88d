using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;
using Workbench.Server.Runs;

namespace Workbench.Server.Pretraining;

/// <summary>Making bases over HTTP: what can be chosen, what a draft amounts to, the order itself, and texts to learn from.</summary>
internal static class PretrainingEndpoints
{
    /// <summary>Fields of a config that say what it is for and not how large it is.</summary>
    private static readonly string[] s_sizes =
    [
        "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size", "max_position_embeddings",
        "d_model", "num_layers", "num_decoder_layers", "num_heads", "d_kv", "d_ff",
    ];

    public static IServiceCollection AddPretraining(this IServiceCollection services) =>
        services.AddSingleton<PretrainingPlanner>().AddSingleton<CorpusUploads>().AddScoped<PretrainingStarter>();

    public static IEndpointRouteBuilder MapPretraining(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Pretraining).WithTags("Pretraining").ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        group.MapGet("", Choices).WithName("GetPretrainingChoices").WithSummary("Layouts with their small sizes, and the training defaults");
        group.MapPost("/preview", async (PretrainDraft draft, PretrainingStarter starter, CancellationToken cancel) => TypedResults.Ok(await starter.PreviewAsync(draft, cancel)))
            .WithName("PreviewPretraining").WithSummary("The new base's size, what the corpus holds, the command, and every problem at once");
        group.MapPost("", StartAsync).WithName("StartPretraining").WithSummary("Orders a run that makes a base; it waits in the queue until it is its turn");
        group.MapGet("/{id}/draft", DraftAsync).WithName("GetPretrainingDraft").WithSummary("The settings of such a run, to order another one like it");
        group.MapPut("/corpora/{name}", async (string name, HttpRequest request, CorpusUploads uploads, CancellationToken cancel, [FromQuery] string field = "text") =>
                TypedResults.Ok(await uploads.PutAsync(name, field, request.Body, cancel)))
            .WithName("PutCorpus").WithSummary("Send a text to learn from: JSON lines, or plain text with blank lines between documents; also with gzip")
            .Accepts<byte[]>("application/octet-stream").WithMetadata(new RequestSizeLimitAttribute(CorpusUploads.Largest));
        return routes;
    }

    private static Ok<PretrainChoices> Choices() => TypedResults.Ok(new PretrainChoices(
        [
            .. BaseLayout.All.Select(layout => new PretrainLayout(
                layout.ModelType,
                JsonSerializer.SerializeToElement(layout.Objective, RunRequest.Json).GetString()!,
                layout.Defaults().Where(field => s_sizes.Contains(field.Key)).ToDictionary(field => field.Key, field => JsonSerializer.SerializeToElement(field.Value)))),
        ],
        PretrainingDefaults.Arguments.ToJson().ToDictionary(field => field.Key, field => JsonSerializer.SerializeToElement(field.Value))));

    private static async Task<Created<RunSummary>> StartAsync(PretrainDraft draft, PretrainingStarter starter, CancellationToken cancel)
    {
        var run = await starter.StartAsync(draft, cancel);
        return TypedResults.Created($"{Routes.Runs}/{run.Id}", run);
    }

    private static async Task<Results<Ok<PretrainDraft>, ProblemHttpResult>> DraftAsync(string id, IRunStore store, DataDirectory data, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is not { } run || RunDirectory.ReadRequest(data.Run(id)) is not { Kind: RunKind.Pretrain } request)
            return RunEndpoints.Missing(id);
        return TypedResults.Ok(PretrainingDrafts.Of(request, run.ModelId, run.DatasetId));
    }
}
