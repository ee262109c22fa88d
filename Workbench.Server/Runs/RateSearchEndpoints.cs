using Microsoft.AspNetCore.Http.HttpResults;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Runs;

/// <summary>The learning-rate finder over HTTP.</summary>
internal static class RateSearchEndpoints
{
    public static IEndpointRouteBuilder MapRateSearches(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.RateSearches).WithTags("Runs").ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        group.MapPost("", StartAsync).WithName("StartRateSearch").WithSummary("Starts a short training with rising learning rates; nothing of it is kept");
        group.MapGet("{id}", Find).WithName("GetRateSearch").WithSummary("The rates tried so far and, in the end, the suggestion");
        group.MapDelete("{id}", Cancel).WithName("CancelRateSearch").WithSummary("Ends the search");
        return routes;
    }

    private static async Task<Ok<RateSearch>> StartAsync(RunDraft draft, IRunRequestFactory orders, RateSearches searches, DataDirectory data, CancellationToken cancel)
    {
        var order = await orders.CreateAsync(Ulid.NewUlid().ToString(), draft, cancel);
        return TypedResults.Ok(searches.Start(order.Request with { BaseModel = data.Resolve(order.Request.BaseModel), Dataset = data.Resolve(order.Request.Dataset) }));
    }

    private static Results<Ok<RateSearch>, NotFound> Find(string id, RateSearches searches) =>
        searches.Find(id) is { } search ? TypedResults.Ok(search) : TypedResults.NotFound();

    private static NoContent Cancel(string id, RateSearches searches)
    {
        searches.Cancel(id);
        return TypedResults.NoContent();
    }
}
