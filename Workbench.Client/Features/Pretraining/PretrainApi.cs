using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Pretraining;

/// <summary>Making bases over HTTP.</summary>
public sealed class PretrainApi(ApiClient client)
{
    public Task<PretrainChoices> ChoicesAsync() => client.GetAsync<PretrainChoices>(Routes.Pretraining);

    public Task<PretrainPreview> PreviewAsync(PretrainDraft draft, CancellationToken cancel) =>
        client.SendAsync<PretrainPreview>(HttpMethod.Post, Routes.Pretraining + "/preview", draft, cancel);

    public Task<RunSummary> StartAsync(PretrainDraft draft) => client.SendAsync<RunSummary>(HttpMethod.Post, Routes.Pretraining, draft);

    public Task<PretrainDraft> DuplicateAsync(string runId) => client.GetAsync<PretrainDraft>($"{Routes.Pretraining}/{Uri.EscapeDataString(runId)}/draft");

    public Task<CorpusFile> SendAsync(string name, string textField, Stream content) =>
        client.SendStreamAsync<CorpusFile>($"{Routes.Pretraining}/corpora/{Uri.EscapeDataString(name)}?field={Uri.EscapeDataString(textField)}", content);
}
