using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Workbench.Client.Contracts;
using Workbench.Server.Storage;

namespace Workbench.Server.Projects;

internal static class ProjectsExtensions
{
    public static IServiceCollection AddProjects(this IServiceCollection services)
    {
        services.AddHostedService<SampleSeeding>();
        services.AddScoped<ComparisonService>();
        return services;
    }

    public static IEndpointRouteBuilder MapProjects(this IEndpointRouteBuilder routes)
    {
        routes.MapSystem();
        routes.MapGet(Routes.Projects, ListAsync).WithName("ListProjects").WithTags("Projects").WithSummary("Projects: a dataset and a base model that belong together");
        var comparisons = routes.MapGroup(Routes.Comparisons).WithTags("Comparisons");
        comparisons.MapGet("/", async (ComparisonService service, CancellationToken cancel) => TypedResults.Ok(await service.ListAsync(cancel)))
            .WithName("ListComparisons").WithSummary("Comparisons with their runs, newest first");
        comparisons.MapPost("/", async (StartComparison order, ComparisonService service, CancellationToken cancel) =>
            {
                var made = await service.StartAsync(order, cancel);
                return TypedResults.Created($"{Routes.Comparisons}/{made.Id}", made);
            })
            .WithName("StartComparison").WithSummary("Order one run per method and seed; all of them or none");
        comparisons.MapPost("/estimate", async (StartComparison order, ComparisonService service, CancellationToken cancel) =>
                TypedResults.Text(JsonSerializer.Serialize(await service.EstimateAsync(order, cancel)), "application/json"))
            .WithName("EstimateComparison").WithSummary("Seconds that a comparison will take by what earlier runs took; null when none has finished").Produces<double?>();
        return routes;
    }

    private static async Task<IReadOnlyList<ProjectDto>> ListAsync(WorkbenchDb db, CancellationToken cancel)
    {
        var rows = await db.Projects.AsNoTracking().OrderBy(row => row.CreatedAt).ToListAsync(cancel);
        return [.. rows.Select(row => new ProjectDto(row.Id, row.Name, row.DatasetId, row.ModelId))];
    }
}
