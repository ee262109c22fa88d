using Microsoft.AspNetCore.Http.HttpResults;
using Workbench.Client.Contracts;

namespace Workbench.Server.Methods;

internal static class LessonEndpoints
{
    public static IServiceCollection AddMethods(this IServiceCollection services) => services.AddSingleton<MethodLayouts>();

    public static IEndpointRouteBuilder MapLessons(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Routes.Lessons, (string? language) => TypedResults.Ok<IReadOnlyList<LessonSummary>>([.. LessonLibrary.In(language).Select(Summary)]))
            .WithName("ListLessons").WithTags("Methods").WithSummary("The pages about methods, in the order of the registry");
        routes.MapGet(Routes.Lessons + "/{slug}", Results<Ok<LessonDto>, NotFound> (string slug, string? language) =>
                LessonLibrary.In(language).FirstOrDefault(lesson => lesson.Slug == slug) is { } lesson ? TypedResults.Ok(lesson) : TypedResults.NotFound())
            .WithName("GetLesson").WithTags("Methods").WithSummary("One page as Markdown");
        routes.MapPost(Routes.Methods + "/{peftType}/layout", async Task<Results<Ok<LayoutDto>, NotFound>> (string peftType, LayoutRequest request, MethodLayouts layouts, CancellationToken cancel) =>
                await layouts.OfAsync(peftType, request, cancel) is { } layout ? TypedResults.Ok(layout) : TypedResults.NotFound())
            .WithName("GetMethodLayout").WithTags("Methods").WithSummary("What a method trains on a base, module by module");
        return routes;
    }

    private static LessonSummary Summary(LessonDto lesson) => new(lesson.Slug, lesson.PeftType, lesson.Title, lesson.Lead);
}
