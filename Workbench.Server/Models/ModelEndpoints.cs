using Microsoft.AspNetCore.Http.HttpResults;
using Workbench.Client.Contracts;
using Workbench.Server.Models.Adding;

namespace Workbench.Server.Models;

/// <summary>Base models: list and card.</summary>
public static class ModelEndpoints
{
    public static IServiceCollection AddModels(this IServiceCollection services) =>
        services.AddSingleton<ModelStore>().AddSingleton<TokenizerCache>().AddHostedService<ModelScan>().AddModelAdding();

    public static IEndpointRouteBuilder MapModels(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Models).WithTags("Models");
        group.MapGet("/", (ModelStore store, CancellationToken cancel) => store.ListAsync(cancel)).WithName("ListModels").WithSummary("Base models of the samples and of the data directory");
        group.MapGet("/{id}", CardAsync).WithName("GetModel").WithSummary("A base model's card: shape, README, chat template, and what is wrong with it");
        group.MapDelete("/{id}", RemoveAsync).WithName("RemoveModel").WithSummary("Delete a model; one that is used where it lies is only forgotten");
        routes.MapModelAdding();
        return routes;
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(string id, ModelStore store, CancellationToken cancel) =>
        await store.RemoveAsync(id, cancel) ? TypedResults.NoContent() : Missing(id);

    private static async Task<Results<Ok<ModelCard>, ProblemHttpResult>> CardAsync(string id, ModelStore store, CancellationToken cancel) =>
        await store.CardAsync(id, cancel) is { } card
            ? TypedResults.Ok(card)
            : Missing(id);

    private static ProblemHttpResult Missing(string id) => TypedResults.Problem(
        $"There is no base model '{id}'. Models are folders with a config.json under models/ of the data directory.", statusCode: StatusCodes.Status404NotFound);
}
