using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Models;

/// <summary>Base models over HTTP.</summary>
public sealed class ModelsApi(ApiClient client)
{
    public Task<IReadOnlyList<ModelSummary>> ListAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<ModelSummary>>(Routes.Models, cancel);

    public Task<ModelCard> CardAsync(string id, CancellationToken cancel = default) =>
        client.GetAsync<ModelCard>($"{Routes.Models}/{Uri.EscapeDataString(id)}", cancel);


    public Task RemoveAsync(string id) => client.SendAsync(HttpMethod.Delete, $"{Routes.Models}/{Uri.EscapeDataString(id)}", null);

    public Task<HubSettings> HubsAsync(CancellationToken cancel = default) => client.GetAsync<HubSettings>(Routes.Hub, cancel);

    public Task PutTokenAsync(HubToken token) => client.SendAsync(HttpMethod.Put, Routes.Hub + "/token", token);

    public Task ForgetTokenAsync(string endpoint) => client.SendAsync(HttpMethod.Delete, $"{Routes.Hub}/token?endpoint={Uri.EscapeDataString(endpoint)}", null);

    public Task<ModelPlan> PlanAsync(HubOrder order, CancellationToken cancel = default) => client.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/hub", order, cancel);

    public Task<ModelPlan> PlanAsync(LocalModel order, CancellationToken cancel = default) => client.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/local", order, cancel);

    public Task<ModelPlan> PlanAsync(UploadOrder order, CancellationToken cancel = default) => client.SendAsync<ModelPlan>(HttpMethod.Post, Routes.ModelPlans + "/upload", order, cancel);

    public Task<ModelSummary> RegisterAsync(LocalModel order) => client.SendAsync<ModelSummary>(HttpMethod.Post, Routes.LocalModels, order);

    public Task<ModelJob> DownloadAsync(HubOrder order) => client.SendAsync<ModelJob>(HttpMethod.Post, Routes.ModelJobs + "/hub", order);

    public Task<UploadState> StartUploadAsync(UploadOrder order) => client.SendAsync<UploadState>(HttpMethod.Post, Routes.ModelJobs + "/upload", order);

    public Task<IReadOnlyList<ModelJob>> JobsAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<ModelJob>>(Routes.ModelJobs, cancel);

    /// <summary>What can be asked of a job: <c>pause</c>, <c>resume</c>, <c>finish</c>, <c>keep</c>.</summary>
    public Task<ModelJob> AskAsync(string jobId, string what) => client.SendAsync<ModelJob>(HttpMethod.Post, $"{Routes.ModelJobs}/{jobId}/{what}", null);

    public Task RemoveJobAsync(string jobId) => client.SendAsync(HttpMethod.Delete, $"{Routes.ModelJobs}/{jobId}", null);
}
