using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Models;

/// <summary>Base models over HTTP.</summary>
public sealed class ModelsApi(ApiClient client)
{
    public Task<IReadOnlyList<ModelSummary>> ListAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<ModelSummary>>(Routes.Models, cancel);

    public Task<ModelCard> CardAsync(string id, CancellationToken cancel = default) =>
        client.GetAsync<ModelCard>($"{Routes.Models}/{Uri.EscapeDataString(id)}", cancel);

    public Task<IReadOnlyList<MethodDto>> MethodsAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<MethodDto>>(Routes.Methods, cancel);
}
