using Workbench.Client.Features.Compare;
using Workbench.Client.Features.Playground;

namespace Workbench.Client.Features.Runs;

/// <summary>What the pages of runs, comparison and playground need.</summary>
public static class RunsServices
{
    public static IServiceCollection AddRunPages(this IServiceCollection services)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddScoped<RunsApi>();
        services.AddScoped<RunsLive>();
        services.AddScoped<PlaygroundLive>();
        services.AddScoped<PendingDeletes>();
        services.AddScoped<MethodNames>();
        services.AddScoped<ScoreTexts>();
        services.AddScoped<RunsHeadline>();
        services.AddScoped<CompareHeadline>();
        return services;
    }
}
