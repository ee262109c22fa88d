using Workbench.Client.Contracts;

namespace Workbench.Server.Playground;

internal static class PlaygroundExtensions
{
    public static IServiceCollection AddPlayground(this IServiceCollection services) => services.AddSingleton<ServePool>();

    public static IEndpointRouteBuilder MapPlayground(this IEndpointRouteBuilder routes)
    {
        routes.MapHub<PlaygroundHub>(Routes.PlaygroundHub);
        return routes;
    }
}
