using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Peft.Core.Data.Import;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Import;

/// <summary>Bringing files in: send them in pieces, look, import with progress.</summary>
internal static class ImportEndpoints
{
    private const long LargestUpload = 200L * 1024 * 1024;

    public static IEndpointRouteBuilder MapImports(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup(Routes.Datasets).WithTags("Imports");
        group.MapPost("/uploads", (ImportUploads uploads) => TypedResults.Ok(uploads.Create())).WithName("CreateImportUpload").WithSummary("A place for files that are to be imported; kept for a day");
        group.MapGet("/uploads/{upload}/files", Received).WithName("GetImportUpload").WithSummary("The files of an upload and how much of each is here");
        group.MapPut("/uploads/{upload}/files", ReceiveAsync).WithName("ReceiveImportFile").WithSummary("A piece of a file, where the last one ended; the answer says how much is here")
            .WithMetadata(new RequestSizeLimitAttribute(LargestUpload));
        group.MapDelete("/uploads/{upload}", Drop).WithName("DeleteImportUpload").WithSummary("Forget the files of an upload");
        group.MapGet("/layouts", () => TypedResults.Ok(DatasetImport.Layouts)).WithName("ListImportLayouts").WithSummary("Layouts of rows that can be chosen");
        group.MapGet("/encodings", () => TypedResults.Ok(TextEncodings.Names)).WithName("ListImportEncodings").WithSummary("Encodings that can be chosen");
        group.MapPost("/preview", PreviewAsync).WithName("PreviewImport").WithSummary("What an import would read and refuse, before there is a dataset; nothing is stored")
            .WithMetadata(new RequestSizeLimitAttribute(LargestUpload));
        group.MapPost("/{id}/import", ImportAsync).WithName("ImportText").WithSummary("Read a text, or the files of an upload; commit=false only reports")
            .WithDescription("Formats, encodings and layouts are found out and can be chosen. Every refused row is named with line, column or field, and every changed one with what changed. One transaction: all accepted rows or none.")
            .WithMetadata(new RequestSizeLimitAttribute(LargestUpload));
        group.MapPost("/{id}/upload", UploadAsync).WithName("ImportFile").WithSummary("Like import, for a file of up to 200 MB as multipart form field 'file'")
            .DisableAntiforgery().WithMetadata(new RequestSizeLimitAttribute(LargestUpload), new RequestFormLimitsAttribute { MultipartBodyLengthLimit = LargestUpload });
        group.MapPost("/{id}/imports", StartAsync).WithName("StartImport").WithSummary("Import the files of an upload in the background");
        group.MapGet("/{id}/imports/{job}", (string id, string job, ImportJobs jobs) => Found(jobs.Find(job))).WithName("GetImport").WithSummary("How far an import is, and what it gave");
        group.MapDelete("/{id}/imports/{job}", (string id, string job, ImportJobs jobs) => Found(jobs.Cancel(job))).WithName("CancelImport").WithSummary("End an import; the dataset stays as it was");
        return routes;
    }

    private static Results<Ok<ImportJob>, NotFound> Found(ImportJob? job) => job is null ? TypedResults.NotFound() : TypedResults.Ok(job);

    private static Results<Ok<ImportUpload>, NotFound> Received(string upload, ImportUploads uploads) => uploads.Find(upload) is { } found ? TypedResults.Ok(found) : TypedResults.NotFound();

    private static async Task<Results<Ok<ReceivedFile>, NotFound>> ReceiveAsync(string upload, string path, long offset, HttpRequest request, ImportUploads uploads, CancellationToken cancel) =>
        await uploads.ReceiveAsync(upload, path, offset, request.Body, cancel) is { } file ? TypedResults.Ok(file) : TypedResults.NotFound();

    private static NoContent Drop(string upload, ImportUploads uploads)
    {
        uploads.Delete(upload);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<ImportReport>> PreviewAsync(ImportText order, ImportUploads uploads, CancellationToken cancel) =>
        TypedResults.Ok(await WithFilesAsync(order, uploads, files => DatasetImporter.Look(files, order.Choices ?? new(), order.Split), cancel));

    private static async Task<Results<Ok<ImportReport>, ProblemHttpResult>> ImportAsync(
        string id, ImportText order, DatasetStore store, DatasetImporter importer, ImportUploads uploads, CancellationToken cancel, bool commit = true)
    {
        if (await store.FindAsync(id, cancel) is null)
            return DatasetEndpoints.Missing(id);
        var report = await WithFilesAsync(order, uploads, files => importer.Import(store.File(id), files, order.Choices ?? new(), order.Split, commit, null, cancel), cancel);
        if (report.Committed)
            await store.RefreshAsync(id, CancellationToken.None);
        return TypedResults.Ok(report);
    }

    private static async Task<Results<Ok<ImportReport>, ProblemHttpResult>> UploadAsync(
        string id, IFormFile file, DatasetStore store, DatasetImporter importer, ImportUploads uploads, CancellationToken cancel, DatasetSplit? split = null, bool commit = true)
    {
        var upload = uploads.Create();
        await using (var stream = file.OpenReadStream())
            await uploads.ReceiveAsync(upload.Id, Label(file.FileName), 0, stream, cancel);
        try
        {
            return await ImportAsync(id, new ImportText(file.FileName, "", split, upload.Id), store, importer, uploads, cancel, commit);
        }
        finally
        {
            uploads.Delete(upload.Id);
        }
    }

    private static async Task<Results<Ok<ImportJob>, ProblemHttpResult>> StartAsync(string id, ImportText order, DatasetStore store, ImportJobs jobs, CancellationToken cancel) =>
        await store.FindAsync(id, cancel) is null ? DatasetEndpoints.Missing(id) : TypedResults.Ok(await Task.Run(() => jobs.Start(id, order), cancel));

    /// <summary>A text becomes a file for as long as it is read.</summary>
    private static async Task<ImportReport> WithFilesAsync(ImportText order, ImportUploads uploads, Func<IReadOnlyList<InputFile>, ImportReport> read, CancellationToken cancel)
    {
        var upload = order.Upload ?? await uploads.PutTextAsync(Label(order.FileName), order.Text ?? "", cancel);
        try
        {
            return await Task.Run(() => read(uploads.Files(upload)), cancel);
        }
        finally
        {
            if (order.Upload is null)
                uploads.Delete(upload);
        }
    }

    private static string Label(string? name) => Path.GetFileName(name) is { Length: > 0 } given ? given : "pasted text";
}
