using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Workbench.Client.Contracts;
using Workbench.Server.Jobs;
using Workbench.Server.Storage;

namespace Workbench.Server.Hosting;

/// <summary>One thing the server needs, and how it is.</summary>
public sealed record HealthCheck(string Name, bool Healthy, string Detail);

/// <summary>Healthy when everything is.</summary>
public sealed record HealthReport(bool Healthy, IReadOnlyList<HealthCheck> Checks);

internal static class Health
{
    public static IEndpointRouteBuilder MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Routes.Health, CheckAsync).WithName("Health").WithSummary("Database, data directory and worker program").WithTags("System");
        return routes;
    }

    private static async Task<Results<Ok<HealthReport>, JsonHttpResult<HealthReport>>> CheckAsync(
        WorkbenchDb db, DataDirectory data, WorkerLocator worker, CancellationToken cancel)
    {
        HealthCheck[] checks = [await DatabaseAsync(db, data, cancel), Writable(data), Worker(worker)];
        var report = new HealthReport(checks.All(check => check.Healthy), checks);
        return report.Healthy ? TypedResults.Ok(report) : TypedResults.Json(report, statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<HealthCheck> DatabaseAsync(WorkbenchDb db, DataDirectory data, CancellationToken cancel) =>
        await db.Database.CanConnectAsync(cancel)
            ? new HealthCheck("database", true, data.Database)
            : new HealthCheck("database", false, $"{data.Database} cannot be opened. Is the disk full, or the file damaged?");

    private static HealthCheck Writable(DataDirectory data)
    {
        var probe = Path.Combine(data.Root, ".health-" + Ulid.NewUlid());
        try
        {
            File.WriteAllBytes(probe, [1]);
            File.Delete(probe);
            return new HealthCheck("data_directory", true, data.Root);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new HealthCheck("data_directory", false, $"{data.Root} cannot be written to: {e.Message}");
        }
    }

    private static HealthCheck Worker(WorkerLocator worker) =>
        worker.Find() is { } path ? new HealthCheck("worker", true, path) : new HealthCheck("worker", false, worker.MissingMessage);
}
