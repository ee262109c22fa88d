using Microsoft.AspNetCore.Http.HttpResults;
using Workbench.Client.Contracts;

namespace Workbench.Server.Methods;

internal static class MethodEndpoints
{
    public static IEndpointRouteBuilder MapMethods(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Routes.Methods, List).WithName("ListMethods").WithTags("Methods")
            .WithSummary("Every method with its options, their help, and training defaults that suit it");
        return routes;
    }

    private static Ok<IReadOnlyList<MethodDto>> List() => TypedResults.Ok(MethodCatalog.All);
}
