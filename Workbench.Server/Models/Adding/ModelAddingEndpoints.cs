using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Peft.Core.Hub;
using Workbench.Client.Contracts;

namespace Workbench.Server.Models.Adding;

/// <summary>Adding models: plans, downloads, uploads, models that are used where they lie, access tokens.</summary>
internal static class ModelAddingEndpoints
{
    public static IServiceCollection AddModelAdding(this IServiceCollection services) => services
        .AddSingleton<HubTokens>()
        .AddSingleton<HubConnections>()
        .AddSingleton<ModelPlanner>()
        .AddSingleton<Hubs.ModelJobPublisher>()
        .AddSingleton<ModelJobs>()
        .AddSingleton<UploadReceiver>()
        .AddHostedService(provider => provider.GetRequiredService<ModelJobs>());

    public static void MapModelAdding(this IEndpointRouteBuilder routes)
    {
        var plans = routes.MapGroup(Routes.ModelPlans).WithTags("Models");
        plans.MapPost("/hub", (HubOrder order, ModelPlanner planner, CancellationToken cancel) => planner.HubAsync(order, cancel))
            .WithName("PlanDownload").WithSummary("What a model on a hub is and takes, before its weights are downloaded");
        plans.MapPost("/local", (LocalModel order, ModelPlanner planner) => planner.Local(order)).WithName("PlanLocalModel").WithSummary("What a folder or GGUF file of this machine is and takes");
        plans.MapPost("/upload", (UploadOrder order, ModelPlanner planner) => planner.Upload(order)).WithName("PlanUpload").WithSummary("What files of a browser would be and take, before they are sent");
        routes.MapPost(Routes.LocalModels, RegisterAsync).WithTags("Models").WithName("RegisterModel").WithSummary("Use a folder or GGUF file of this machine where it lies");

        var jobs = routes.MapGroup(Routes.ModelJobs).WithTags("Models");
        jobs.MapGet("/", (ModelJobs all) => all.List()).WithName("ListModelJobs").WithSummary("Models on their way here");
        jobs.MapPost("/hub", (HubOrder order, ModelJobs all, CancellationToken cancel) => all.DownloadAsync(order, cancel)).WithName("DownloadModel").WithSummary("Download a model from a hub");
        jobs.MapPost("/upload", async (UploadOrder order, ModelJobs all, CancellationToken cancel) => UploadReceiver.State(await all.UploadAsync(order, cancel)))
            .WithName("StartUpload").WithSummary("Announce the files of an upload; the same files again go on with it");
        jobs.MapGet("/{id}/files", (string id, ModelJobs all) => Do(id, all, job => Task.FromResult(UploadReceiver.State(job)))).WithName("GetUpload").WithSummary("How much of each file is here");
        jobs.MapPut("/{id}/files", ReceiveAsync).WithName("PutUploadPiece").WithSummary("Append a piece to a file of an upload; the answer says how much of it is here")
            .Accepts<byte[]>("application/octet-stream").WithMetadata(new RequestSizeLimitAttribute(UploadRules.LargestPiece));
        jobs.MapPost("/{id}/finish", (string id, ModelJobs all) => Do(id, all, job => all.FinishAsync(job, keep: false, CancellationToken.None)))
            .WithName("FinishUpload").WithSummary("Check an upload and make it a model");
        jobs.MapPost("/{id}/keep", (string id, ModelJobs all) => Do(id, all, job => all.FinishAsync(job, keep: true, CancellationToken.None)))
            .WithName("KeepModel").WithSummary("Make it a model although the engine cannot use it");
        jobs.MapPost("/{id}/pause", (string id, ModelJobs all) => Do(id, all, all.PauseAsync)).WithName("PauseModelJob").WithSummary("Stop; what is here stays");
        jobs.MapPost("/{id}/resume", (string id, ModelJobs all) => Do(id, all, all.ResumeAsync)).WithName("ResumeModelJob").WithSummary("Go on, or check again");
        jobs.MapDelete("/{id}", (string id, ModelJobs all) => Do(id, all, all.RemoveAsync)).WithName("RemoveModelJob").WithSummary("Stop and take away what is here; of a finished one only the line");

        var hub = routes.MapGroup(Routes.Hub).WithTags("Models");
        hub.MapGet("/", (HubConnections hubs) => hubs.Settings()).WithName("GetHubs").WithSummary("Hubs to download from, and which of them an access token is known for");
        hub.MapPut("/token", (HubToken given, HubTokens tokens) =>
        {
            tokens.Put(given);
            return TypedResults.NoContent();
        }).WithName("PutHubToken").WithSummary("Give an access token; it is never answered");
        hub.MapDelete("/token", (string endpoint, HubTokens tokens) =>
        {
            tokens.Forget(endpoint);
            return TypedResults.NoContent();
        }).WithName("ForgetHubToken").WithSummary("Forget an access token");
    }

    private static async Task<Ok<ModelSummary>> RegisterAsync(LocalModel order, ModelStore store, ModelJobs jobs, Hosting.DataDirectory data, CancellationToken cancel)
    {
        var (given, path) = LocalPlaces.Find(order.Path, data);
        var name = order.Name.Length > 0 ? ModelNames.Check(order.Name) : ModelNames.Suggest(Path.GetFileNameWithoutExtension(given), jobs.IsTaken);
        if (jobs.IsTaken(name))
            throw new Peft.Core.PeftException($"There is a model '{name}' already, or one is on its way. Choose another name.");
        return TypedResults.Ok(await store.RegisterAsync(name, path, cancel));
    }

    private static async Task<Results<Ok<ModelFile>, ProblemHttpResult>> ReceiveAsync(
        string id, string path, long offset, HttpRequest request, ModelJobs all, UploadReceiver receiver, CancellationToken cancel) =>
        all.Find(id) is { } job ? TypedResults.Ok(await receiver.PutAsync(job, path, offset, request.Body, cancel)) : Missing(id);

    private static async Task<Results<Ok<T>, ProblemHttpResult>> Do<T>(string id, ModelJobs all, Func<LiveModelJob, Task<T>> action) =>
        all.Find(id) is { } job ? TypedResults.Ok(await action(job)) : Missing(id);

    private static async Task<Results<Ok<ModelJob>, ProblemHttpResult>> Do(string id, ModelJobs all, Func<LiveModelJob, Task> action)
    {
        if (all.Find(id) is not { } job)
            return Missing(id);
        await action(job);
        return TypedResults.Ok(job.Shown());
    }

    private static ProblemHttpResult Missing(string id) =>
        TypedResults.Problem($"There is no download or upload '{id}'. It may have been removed.", statusCode: StatusCodes.Status404NotFound);
}
