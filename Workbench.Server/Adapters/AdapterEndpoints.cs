using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Peft.Core.Runs;
using Workbench.Client.Contracts;
using Workbench.Server.Hubs;
using Workbench.Server.Jobs;
using Workbench.Server.Runs;

namespace Workbench.Server.Adapters;

/// <summary>Adapters over HTTP: list, look, compare, import, remove, download, and what is made of them.</summary>
internal static class AdapterEndpoints
{
    public static IServiceCollection AddAdapters(this IServiceCollection services) => services
        .AddSingleton<AdapterStore>()
        .AddSingleton<AdapterImport>()
        .AddSingleton<AdapterJobPublisher>()
        .AddSingleton<AdapterJobs>()
        .AddHostedService(provider => provider.GetRequiredService<AdapterJobs>());

    public static IEndpointRouteBuilder MapAdapters(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Adapters).WithTags("Adapters");
        group.MapGet("/", (AdapterStore store, CancellationToken cancel) => store.ListAsync(cancel)).WithName("ListAdapters").WithSummary("Adapters of runs, imported ones, and those made of others, newest first");
        group.MapGet("/{id}", DetailAsync).WithName("GetAdapter").WithSummary("Settings, tensors and files of an adapter, and what can be done with it");
        group.MapGet("/{id}/files.zip", ZipAsync).WithName("DownloadAdapterFiles").WithSummary("The adapter's folder as a zip, in the format that its method is saved in (PEFT or AdapterHub)");
        group.MapDelete("/{id}", RemoveAsync).WithName("RemoveAdapter").WithSummary("Delete an adapter that no run made");
        group.MapGet("/compare", CompareAsync).WithName("CompareAdapters").WithSummary("Settings that differ, and lengths and angles of the changes");
        group.MapPost("/import", ImportAsync).WithName("ImportAdapter").WithSummary("A zip, or the files of a folder, as multipart form")
            .DisableAntiforgery().WithMetadata(new RequestSizeLimitAttribute(AdapterImport.Largest), new RequestFormLimitsAttribute { MultipartBodyLengthLimit = AdapterImport.Largest });

        var jobs = group.MapGroup("/jobs");
        jobs.MapGet("/", (AdapterJobs all) => all.List()).WithName("ListAdapterJobs").WithSummary("What is made of adapters, newest first");
        jobs.MapPost("/", (AdapterOrder order, AdapterJobs all, CancellationToken cancel) => all.StartAsync(order, cancel)).WithName("StartAdapterJob").WithSummary("Check or make a merge, combine, convert, write GGUF");
        jobs.MapPost("/{id}/cancel", async Task<Results<Ok<AdapterJob>, ProblemHttpResult>> (string id, AdapterJobs all) =>
            await all.CancelAsync(id) && all.Find(id) is { } job ? TypedResults.Ok(job) : Missing(id)).WithName("CancelAdapterJob").WithSummary("End it; nothing of it stays");
        jobs.MapDelete("/{id}", async Task<Results<NoContent, ProblemHttpResult>> (string id, AdapterJobs all) =>
            await all.RemoveAsync(id) ? TypedResults.NoContent() : Missing(id)).WithName("RemoveAdapterJob").WithSummary("Take it from the list; what came out stays");
        jobs.MapGet("/{id}/file", FileAsync).WithName("DownloadAdapterJob").WithSummary("What came out: a GGUF file, or a merged model's folder as a zip");
        return routes;
    }

    private static async Task<Results<Ok<AdapterDetail>, ProblemHttpResult>> DetailAsync(string id, AdapterStore store, CancellationToken cancel) =>
        await store.DetailAsync(id, cancel) is { } detail ? TypedResults.Ok(detail) : Missing(id);

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(string id, AdapterStore store, CancellationToken cancel) =>
        await store.RemoveAsync(id, cancel) ? TypedResults.NoContent() : Missing(id);

    private static async Task<Results<PushStreamHttpResult, ProblemHttpResult>> ZipAsync(string id, HttpContext context, AdapterStore store, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is var (summary, folder) ? Zip(context, folder, FileName(summary.Name, id), cancel) : Missing(id);

    private static async Task<Results<Ok<AdapterSummary>, ProblemHttpResult>> ImportAsync(
        HttpRequest request, AdapterImport import, AdapterStore store, CancellationToken cancel, [FromQuery] string name = "", [FromQuery] string? model = null)
    {
        if (!request.HasFormContentType)
            return TypedResults.Problem("Send the files as a multipart form.", statusCode: StatusCodes.Status415UnsupportedMediaType);
        var form = await request.ReadFormAsync(cancel);
        if (form.Files.Count == 0)
            return TypedResults.Problem("No file was sent.", statusCode: StatusCodes.Status422UnprocessableEntity);
        var id = await import.ReadAsync(form.Files, name, string.IsNullOrEmpty(model) ? null : model, cancel);
        return TypedResults.Ok((await store.FindAsync(id, cancel))!.Value.Summary);
    }

    private static async Task<Results<Ok<AdapterComparisonDto>, ProblemHttpResult>> CompareAsync(string first, string second, AdapterStore store, WorkerLocator worker, CancellationToken cancel)
    {
        if (await store.FindAsync(first, cancel) is not var (one, oneFolder))
            return Missing(first);
        if (await store.FindAsync(second, cancel) is not var (two, twoFolder))
            return Missing(second);
        JsonElement answer = default;
        await WorkerRun.RunAsync(worker, ["compare", oneFolder, twoFolder], line => answer = line, cancel);
        var rows = JsonSerializer.Deserialize<AdapterComparisonRow[]>(answer.GetProperty("rows"), RunRequest.Json)!;
        return TypedResults.Ok(new AdapterComparisonDto(one, two, answer.GetProperty("changes").GetBoolean(), rows, Differences(oneFolder, twoFolder)));
    }

    private static AdapterDifference[] Differences(string first, string second)
    {
        var (one, two) = (Peft.Core.Methods.PeftConfig.Load(first).ToJson(), Peft.Core.Methods.PeftConfig.Load(second).ToJson());
        return
        [
            .. one.Select(field => field.Key).Union(two.Select(field => field.Key)).Order(StringComparer.Ordinal)
                .Select(name => new AdapterDifference(name, one[name]?.ToJsonString() ?? "–", two[name]?.ToJsonString() ?? "–"))
                .Where(difference => difference.First != difference.Second),
        ];
    }

    private static async Task<Results<PushStreamHttpResult, PhysicalFileHttpResult, ProblemHttpResult>> FileAsync(string id, HttpContext context, AdapterJobs jobs, CancellationToken cancel)
    {
        if (jobs.Find(id) is not { } job || await jobs.ResultAsync(id, cancel) is not { } path)
            return Missing(id);
        return Directory.Exists(path)
            ? Zip(context, path, FileName(job.Name, id), cancel)
            : TypedResults.PhysicalFile(path, "application/octet-stream", Path.ChangeExtension(FileName(job.Name, id), ".gguf"));
    }

    private static PushStreamHttpResult Zip(HttpContext context, string folder, string name, CancellationToken cancel)
    {
        // The end of a deflate stream is written synchronously by the library; it is a few bytes.
        context.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return TypedResults.Stream(stream => RunFiles.ZipAsync(folder, stream, cancel), "application/zip", name);
    }

    private static string FileName(string name, string id)
    {
        var safe = string.Concat(name.Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' ? c : '-')).Trim('-');
        return $"{(safe.Length > 0 ? safe : id)}.zip";
    }

    private static ProblemHttpResult Missing(string id) =>
        TypedResults.Problem($"There is no adapter '{id}'. It may have been removed.", statusCode: StatusCodes.Status404NotFound, title: "No such adapter");
}
