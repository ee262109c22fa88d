using Workbench.Client.Contracts;
using Workbench.Server.Hubs;
using Workbench.Server.Jobs;
using Workbench.Server.Runs.Series;

namespace Workbench.Server.Runs;

internal static class RunsExtensions
{
    /// <summary>Queue, trainers, live viewers. The order of a run is made by an <see cref="IRunRequestFactory"/>, which is registered elsewhere.</summary>
    public static IServiceCollection AddRuns(this IServiceCollection services)
    {
        services.AddSingleton<IRunStore, RunStore>();
        services.AddSingleton<RunAdoption>();
        services.AddSingleton<RateSearches>();
        services.AddSingleton<SeriesStore>();
        services.AddSingleton<WorkerLocator>();
        services.AddSingleton<ITrainerHost, ProcessTrainerHost>();
        services.AddSingleton<RunPublisher>();
        services.AddSingleton<RunTracking>();
        services.AddSingleton<RunViewers>();
        services.AddSingleton<RunSupervisor>();
        services.AddHostedService(provider => provider.GetRequiredService<RunSupervisor>());
        services.AddScoped<RunService>();
        services.AddScoped<IRunStarter, RunStarter>();
        return services;
    }

    public static IEndpointRouteBuilder MapRunFeatures(this IEndpointRouteBuilder routes)
    {
        routes.MapRuns();
        routes.MapRunFiles();
        routes.MapRateSearches();
        routes.MapSeries();
        routes.MapHub<RunsHub>(Routes.RunsHub);
        return routes;
    }
}
