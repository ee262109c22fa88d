using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Peft.Core.Methods;
using Peft.Core.Recipes;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Runs;

/// <summary>What lies in a run directory, over HTTP: log, files, adapter, predictions.</summary>
internal static class RunFileEndpoints
{
    private const int DefaultLogBytes = 64 * 1024;
    private const int MaxLogBytes = 4 * 1024 * 1024;

    public static IEndpointRouteBuilder MapRunFiles(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup($"{Routes.Runs}/{{id}}").WithTags("Runs");
        group.MapGet("log", LogAsync).WithName("GetRunLog").WithSummary("The trainer's output: its tail, or what came after a position");
        group.MapGet("files", FilesAsync).WithName("ListRunFiles").WithSummary("The files of the run and their sizes");
        group.MapGet("adapter.zip", AdapterAsync).WithName("DownloadAdapter").WithSummary("The adapter in PEFT's format as a zip");
        group.MapGet("export/{format}", ExportAsync).WithName("ExportRun").WithSummary("The run as a recipe, a script for HF PEFT, a config for LLaMA-Factory, or one zip with everything");
        group.MapGet("predictions", PredictionsAsync).WithName("ListPredictions").WithSummary("Generated answers beside their references, each triple judged");
        group.MapGet("ranks", RanksAsync).WithName("GetRunRanks").WithSummary("The rank of every adapted module over the steps, where the method moves ranks (AdaLoRA)");
        return routes;
    }

    private static async Task<Results<Ok<LogTail>, ProblemHttpResult>> LogAsync(
        string id, IRunStore store, DataDirectory data, CancellationToken cancel, [FromQuery] int tail = DefaultLogBytes, [FromQuery] long? after = null)
    {
        if (await store.FindAsync(id, cancel) is null)
            return RunEndpoints.Missing(id);
        var bytes = Math.Clamp(tail, 1, MaxLogBytes);
        var path = data.Run(id).Log;
        return TypedResults.Ok(after is { } position ? RunLog.After(path, position, bytes) : RunLog.Tail(path, bytes));
    }

    private static async Task<Results<Ok<IReadOnlyList<RunFile>>, ProblemHttpResult>> FilesAsync(string id, IRunStore store, DataDirectory data, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is null ? RunEndpoints.Missing(id) : TypedResults.Ok(RunFiles.List(data.Run(id)));

    private static async Task<Results<Ok<RankHistory>, ProblemHttpResult>> RanksAsync(string id, IRunStore store, DataDirectory data, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is not { } run ? RunEndpoints.Missing(id)
        : TypedResults.Ok(PeftMethodRegistry.TryFind(run.PeftType)?.MovesRanks == true ? RankReader.Read(data.Run(id)) : new RankHistory([], [], []));

    private static async Task<Results<PushStreamHttpResult, ProblemHttpResult>> AdapterAsync(
        string id, HttpContext context, IRunStore store, DataDirectory data, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is not { } run)
            return RunEndpoints.Missing(id);
        if (RunFiles.AdapterFolder(data.Run(id)) is not { } folder)
        {
            return TypedResults.Problem(
                "This run has no adapter yet: it is saved with the first checkpoint and at the end of training.", statusCode: StatusCodes.Status404NotFound, title: "No adapter");
        }

        // The end of a deflate stream is written synchronously by the library; it is a few bytes.
        context.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return TypedResults.Stream(stream => RunFiles.ZipAsync(folder, stream, cancel), "application/zip", FileName(run.Name, id));
    }

    private static async Task<Results<Ok<PredictionPage>, ProblemHttpResult>> PredictionsAsync(
        string id, IRunStore store, DataDirectory data, CancellationToken cancel,
        [FromQuery] string split = "test", [FromQuery] int offset = 0, [FromQuery] int count = 50, [FromQuery] bool wrong = false)
    {
        if (await store.FindAsync(id, cancel) is null)
            return RunEndpoints.Missing(id);
        if (!Enum.TryParse<DatasetSplit>(split, ignoreCase: true, out var known))
            return TypedResults.Problem($"split: '{split}' is none of train, dev, test.", statusCode: StatusCodes.Status422UnprocessableEntity, title: "No such split");
#pragma warning disable CA1308 // File names of splits are lower case.
        var name = known.ToString().ToLowerInvariant();
#pragma warning restore CA1308
        return TypedResults.Ok(PredictionReader.Read(data.Run(id), name, Math.Max(0, offset), Math.Clamp(count, 1, 500), wrong));
    }

    private static async Task<Results<FileContentHttpResult, PushStreamHttpResult, ProblemHttpResult>> ExportAsync(
        string id, string format, HttpContext context, IRunStore store, DataDirectory data, CancellationToken cancel)
    {
        if (await store.FindAsync(id, cancel) is not { } run)
            return RunEndpoints.Missing(id);
        var known = Enum.GetValues<RunExportFormat>().ToDictionary(value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));
        if (!known.TryGetValue(format, out var wanted))
            return TypedResults.Problem($"'{format}' is no format; known are {string.Join(", ", known.Keys)}.", statusCode: StatusCodes.Status404NotFound, title: "No such format");
        var name = $"{Safe(run.Name, id)}-{RunExport.FileName(wanted)}";
        if (wanted != RunExportFormat.Bundle)
            return TypedResults.File(Encoding.UTF8.GetBytes(RunExport.Text(data.Run(id), wanted)), "text/plain; charset=utf-8", name);

        // The library writes a zip synchronously.
        context.Features.GetRequiredFeature<IHttpBodyControlFeature>().AllowSynchronousIO = true;
        return TypedResults.Stream(
            stream =>
            {
                RunExport.Bundle(data.Run(id), stream);
                return Task.CompletedTask;
            },
            "application/zip", name);
    }

    private static string FileName(string name, string id) => $"{Safe(name, id)}-adapter.zip";

    private static string Safe(string name, string id)
    {
        var safe = string.Concat(name.Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-')).Trim('-', '.');
        return safe.Length > 0 ? safe : id;
    }
}
