using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Datasets;

/// <summary>Datasets and their records over HTTP.</summary>
public sealed class DatasetsApi(ApiClient client)
{
    public Task<IReadOnlyList<DatasetSummary>> ListAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<DatasetSummary>>(Routes.Datasets, cancel);

    public Task<DatasetSummary> GetAsync(string id, CancellationToken cancel = default) => client.GetAsync<DatasetSummary>(Of(id), cancel);

    public Task<DatasetSummary> CreateAsync(CreateDataset order) => client.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, order);

    public Task<DatasetSummary> DescribeAsync(string id, CreateDataset change) => client.SendAsync<DatasetSummary>(HttpMethod.Put, Of(id), change);

    public Task DeleteAsync(string id) => client.SendAsync(HttpMethod.Delete, Of(id), null);

    /// <summary>With <paramref name="commit"/> false nothing changes: the answer says what would be read and what would be refused.</summary>
    public Task<ImportReport> ImportAsync(string id, ImportText text, bool commit, CancellationToken cancel = default) =>
        client.SendAsync<ImportReport>(HttpMethod.Post, $"{Of(id)}/import?commit={(commit ? "true" : "false")}", text, cancel);

    /// <summary>What reading this text would give, for a dataset that does not exist yet.</summary>
    public Task<ImportReport> PreviewAsync(ImportText text, CancellationToken cancel = default) =>
        client.SendAsync<ImportReport>(HttpMethod.Post, $"{Routes.Datasets}/preview", text, cancel);

    /// <summary>A place for files that are to be imported.</summary>
    public Task<ImportUpload> CreateUploadAsync() => client.SendAsync<ImportUpload>(HttpMethod.Post, $"{Routes.Datasets}/uploads", null);

    public Task<IReadOnlyList<string>> LayoutsAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<string>>($"{Routes.Datasets}/layouts", cancel);

    public Task<IReadOnlyList<string>> EncodingsAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<string>>($"{Routes.Datasets}/encodings", cancel);

    /// <summary>Imports the files of an upload in the background.</summary>
    public Task<ImportJob> StartImportAsync(string id, ImportText order) => client.SendAsync<ImportJob>(HttpMethod.Post, $"{Of(id)}/imports", order);

    public Task<ImportJob> ImportJobAsync(string id, string job, CancellationToken cancel = default) => client.GetAsync<ImportJob>($"{Of(id)}/imports/{Uri.EscapeDataString(job)}", cancel);

    public Task<ImportJob> CancelImportAsync(string id, string job) => client.SendAsync<ImportJob>(HttpMethod.Delete, $"{Of(id)}/imports/{Uri.EscapeDataString(job)}", null);

    public Task<IReadOnlyList<CleaningRuleDto>> CleaningRulesAsync(CancellationToken cancel = default) => client.GetAsync<IReadOnlyList<CleaningRuleDto>>($"{Routes.Datasets}/cleaning/rules", cancel);

    /// <summary>With <paramref name="apply"/> false nothing changes.</summary>
    public Task<CleaningPreview> CleanAsync(string id, CleaningOrder order, bool apply) =>
        client.SendAsync<CleaningPreview>(HttpMethod.Post, $"{Of(id)}/cleaning{(apply ? "" : "/preview")}", order);

    public Task<QuarantinePage> QuarantineAsync(string id, string? reason, CancellationToken cancel = default) =>
        client.GetAsync<QuarantinePage>($"{Of(id)}/quarantine?limit=50{(reason is { Length: > 0 } ? $"&reason={Uri.EscapeDataString(reason)}" : "")}", cancel);

    public Task<EditState> RestoreAsync(string id, RestoreOrder order) => client.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/quarantine/restore", order);

    /// <summary>Where the browser fetches the rows that imports refused.</summary>
    public static string RefusedUrl(string id) => $"{Of(id)}/quarantine/refused".TrimStart('/');

    public Task<RenderedRecord> RenderAsync(RelationFormDto form, CancellationToken cancel) =>
        client.SendAsync<RenderedRecord>(HttpMethod.Post, $"{Routes.Datasets}/render", form, cancel);

    public Task<RecordPage> PageAsync(string id, DatasetSplit? split, string query, int offset, int limit, CancellationToken cancel)
    {
        var address = $"{Of(id)}/records?offset={offset}&limit={limit}";
        if (split is { } one)
            address += $"&split={one}";
        if (query.Length > 0)
            address += $"&query={Uri.EscapeDataString(query)}";
        return client.GetAsync<RecordPage>(address, cancel);
    }

    public Task<RecordDto> RecordAsync(string id, string record, CancellationToken cancel) => client.GetAsync<RecordDto>(Of(id, record), cancel);

    public Task<RecordDto> AddAsync(string id, SaveRecord save) => client.SendAsync<RecordDto>(HttpMethod.Post, $"{Of(id)}/records", save);

    public Task<RecordDto> UpdateAsync(string id, string record, SaveRecord save) => client.SendAsync<RecordDto>(HttpMethod.Put, Of(id, record), save);

    public Task<EditState> RemoveAsync(string id, string record) => client.SendAsync<EditState>(HttpMethod.Delete, Of(id, record), null);

    public Task<EditState> EditStateAsync(string id, CancellationToken cancel) => client.GetAsync<EditState>($"{Of(id)}/edits", cancel);

    public Task<EditState> UndoAsync(string id) => client.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/undo", null);

    public Task<EditState> RedoAsync(string id) => client.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/redo", null);

    public Task<EditState> SplitAsync(string id, SplitDataset order) => client.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/split", order);

    public Task<TokenView> TokensAsync(string id, string record, string modelId, int maxLength, CancellationToken cancel) =>
        client.GetAsync<TokenView>($"{Of(id, record)}/tokens?model={Uri.EscapeDataString(modelId)}&maxLength={maxLength}", cancel);

    /// <summary>How long the training records are for a base model.</summary>
    public Task<LengthCounts> LengthsAsync(string id, string modelId, CancellationToken cancel) =>
        client.GetAsync<LengthCounts>($"{Of(id)}/lengths?model={Uri.EscapeDataString(modelId)}", cancel);

    public Task<IReadOnlyList<ModelSummary>> ModelsAsync(CancellationToken cancel) => client.GetAsync<IReadOnlyList<ModelSummary>>(Routes.Models, cancel);

    /// <summary>Where the browser fetches the records as a file.</summary>
    public static string ExportUrl(string id, DatasetSplit? split, string format) =>
        $"{Of(id)}/export?format={format}{(split is { } one ? $"&split={one}" : "")}".TrimStart('/');

    private static string Of(string id) => $"{Routes.Datasets}/{Uri.EscapeDataString(id)}";

    private static string Of(string id, string record) => $"{Of(id)}/records/{Uri.EscapeDataString(record)}";
}
