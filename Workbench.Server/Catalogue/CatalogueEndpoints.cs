using Workbench.Client.Contracts;

namespace Workbench.Server.Catalogue;

/// <summary>Known base models.</summary>
public static class CatalogueEndpoints
{
    public static IServiceCollection AddCatalogue(this IServiceCollection services) => services.AddSingleton<CatalogueService>();

    public static IEndpointRouteBuilder MapCatalogue(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Routes.Catalogue, (CatalogueService service) => service.Get())
            .WithTags("Models")
            .WithName("ListCatalogue")
            .WithSummary("Known base models with their shapes, and the memory that training them takes");
        return routes;
    }
}
