using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Adapters;

/// <summary>Adapters over HTTP.</summary>
public sealed class AdaptersApi(ApiClient client)
{
    public Task<IReadOnlyList<AdapterSummary>> ListAsync() => client.GetAsync<IReadOnlyList<AdapterSummary>>(Routes.Adapters);

    public Task<AdapterDetail> FindAsync(string id) => client.GetAsync<AdapterDetail>(Of(id));

    public Task RemoveAsync(string id) => client.SendAsync(HttpMethod.Delete, Of(id), null);

    public Task<AdapterComparisonDto> CompareAsync(string first, string second) =>
        client.GetAsync<AdapterComparisonDto>($"{Routes.Adapters}/compare?first={Uri.EscapeDataString(first)}&second={Uri.EscapeDataString(second)}");

    public Task<IReadOnlyList<ModelSummary>> ModelsAsync() => client.GetAsync<IReadOnlyList<ModelSummary>>(Routes.Models);

    public Task<IReadOnlyList<AdapterJob>> JobsAsync() => client.GetAsync<IReadOnlyList<AdapterJob>>(Routes.Adapters + "/jobs");

    public Task<AdapterJob> StartAsync(AdapterOrder order) => client.SendAsync<AdapterJob>(HttpMethod.Post, Routes.Adapters + "/jobs", order);

    public Task<AdapterJob> CancelAsync(string jobId) => client.SendAsync<AdapterJob>(HttpMethod.Post, $"{Routes.Adapters}/jobs/{jobId}/cancel", null);

    public Task DismissAsync(string jobId) => client.SendAsync(HttpMethod.Delete, $"{Routes.Adapters}/jobs/{jobId}", null);

    /// <summary>Where an adapter's folder can be had as a zip.</summary>
    public static string ZipUrl(string id) => $"{Of(id)}/files.zip".TrimStart('/');

    /// <summary>Where what came out of a job can be had.</summary>
    public static string FileUrl(string jobId) => $"{Routes.Adapters}/jobs/{jobId}/file".TrimStart('/');

    private static string Of(string id) => $"{Routes.Adapters}/{Uri.EscapeDataString(id)}";
}
