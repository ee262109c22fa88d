using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs.Series;

internal static class SeriesEndpoints
{
    private const int MaxPoints = 20_000;

    public static IEndpointRouteBuilder MapSeries(this IEndpointRouteBuilder routes)
    {
        routes.MapGet($"{Routes.Runs}/{{id}}/series", ReadAsync).WithTags("Runs").WithName("GetRunSeries")
            .WithSummary("Columns of one metric for a chart (binary, see SeriesFormat)")
            .Produces(StatusCodes.Status200OK, contentType: SeriesFormat.MediaType);
        return routes;
    }

    private static async Task<Results<FileContentHttpResult, ProblemHttpResult>> ReadAsync(
        string id, IRunStore store, SeriesStore series, CancellationToken cancel, [FromQuery] string metric = "loss", [FromQuery] string x = "step",
        [FromQuery] double? from = null, [FromQuery] double? to = null, [FromQuery] int points = 2000)
    {
        if (await store.FindAsync(id, cancel) is null)
            return RunEndpoints.Missing(id);
        var bytes = series.Read(id, metric, x, from ?? double.NegativeInfinity, to ?? double.MaxValue, Math.Clamp(points, 2, MaxPoints));
        if (bytes is null)
        {
            return TypedResults.Problem(
                $"metric '{metric}' over '{x}': choose loss, eval_loss, eval_score, learning_rate, grad_norm, tokens_per_second or rss over step, tokens or seconds.",
                statusCode: StatusCodes.Status422UnprocessableEntity, title: "No such series");
        }

        return TypedResults.Bytes(bytes, SeriesFormat.MediaType);
    }
}
