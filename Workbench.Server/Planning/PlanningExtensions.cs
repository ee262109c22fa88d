using Workbench.Client.Contracts;
using Workbench.Server.Runs;

namespace Workbench.Server.Planning;

internal static class PlanningExtensions
{
    public static IServiceCollection AddPlanning(this IServiceCollection services) => services
        .AddSingleton<Machine>()
        .AddSingleton<RunPlanner>()
        .AddSingleton<RunTimes>()
        .AddSingleton<TokenChecks>()
        .AddSingleton<RunPreviewer>()
        .AddSingleton<IRunRequestFactory, RunRequestFactory>();

    public static IEndpointRouteBuilder MapPlanning(this IEndpointRouteBuilder routes)
    {
        routes.MapPost(Routes.Runs + "/preview", async (RunDraft draft, RunPreviewer previewer, CancellationToken cancel) =>
                TypedResults.Ok(await previewer.PreviewAsync(draft, cancel)))
            .WithName("PreviewRun").WithTags("Runs").WithSummary("What a draft amounts to: trainable parameters, memory, time, the command, and every problem at once");
        return routes;
    }
}
