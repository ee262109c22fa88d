using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Runs;

/// <summary>The server's answer when it refuses: what happened and what to do, as it wrote it.</summary>
public sealed class RunsApiException(string message) : Exception(message)
{
}

/// <summary>Runs and comparisons over HTTP.</summary>
public sealed class RunsApi(HttpClient http, ServerTexts server)
{
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    public Task<IReadOnlyList<RunSummary>> ListAsync(CancellationToken cancel = default) => GetAsync<IReadOnlyList<RunSummary>>(Routes.Runs, cancel);

    public Task<RunDetail> GetAsync(string id, CancellationToken cancel = default) => GetAsync<RunDetail>(Of(id), cancel);

    public Task<RunPreview> PreviewAsync(RunDraft draft, CancellationToken cancel) => SendAsync<RunPreview>(HttpMethod.Post, $"{Routes.Runs}/preview", draft, cancel);

    public Task<RunSummary> StartAsync(RunDraft draft) => SendAsync<RunSummary>(HttpMethod.Post, Routes.Runs, draft, default);

    public Task<RunSummary> UpdateAsync(string id, UpdateRun change) => SendAsync<RunSummary>(HttpMethod.Patch, Of(id), change, default);

    /// <summary>Pause, resume, stop or checkpoint.</summary>
    public Task CommandAsync(string id, string command) => SendAsync(HttpMethod.Post, $"{Of(id)}/{command}", null, default);

    public Task DeleteAsync(string id) => SendAsync(HttpMethod.Delete, Of(id), null, default);

    /// <summary>The first record of a dataset; null when it has none.</summary>
    public async Task<RecordDto?> AnyRecordAsync(string datasetId) =>
        await GetAsync<RecordPage>($"{Routes.Datasets}/{Uri.EscapeDataString(datasetId)}/records?split=Test&limit=1", default) is { Records: [var record] } ? record : null;

    public Task<RunDraft> DuplicateAsync(string id) => GetAsync<RunDraft>($"{Of(id)}/draft", default);

    /// <summary>The end of the log, or what came after a position.</summary>
    public Task<LogTail> LogAsync(string id, long? after, CancellationToken cancel) =>
        GetAsync<LogTail>($"{Of(id)}/log{(after is { } position ? $"?after={position}" : "")}", cancel);

    public Task<PredictionPage> PredictionsAsync(string id, int offset, int count, bool wrongOnly, CancellationToken cancel) =>
        GetAsync<PredictionPage>($"{Of(id)}/predictions?offset={offset}&count={count}&wrong={(wrongOnly ? "true" : "false")}", cancel);

    public Task<IReadOnlyList<ComparisonDto>> ComparisonsAsync(CancellationToken cancel = default) =>
        GetAsync<IReadOnlyList<ComparisonDto>>(Routes.Comparisons, cancel);

    public Task<ComparisonDto> CompareAsync(StartComparison order) => SendAsync<ComparisonDto>(HttpMethod.Post, Routes.Comparisons, order, default);

    /// <summary>Seconds that a comparison would take on this machine; null where that is not known.</summary>
    public async Task<double?> EstimateComparisonAsync(StartComparison order)
    {
        using var answer = await ExchangeAsync(HttpMethod.Post, $"{Routes.Comparisons}/estimate", order, default);
        return await answer.Content.ReadFromJsonAsync<double?>(Json);
    }

    /// <summary>Ranks of modules over the steps; empty where the method does not move them.</summary>
    public Task<RankHistory> RanksAsync(string id, CancellationToken cancel = default) => GetAsync<RankHistory>($"{Of(id)}/ranks", cancel);

    public Task<IReadOnlyList<MethodDto>> MethodsAsync(CancellationToken cancel = default) => GetAsync<IReadOnlyList<MethodDto>>(Routes.Methods, cancel);

    public Task<IReadOnlyList<DatasetSummary>> DatasetsAsync(CancellationToken cancel = default) => GetAsync<IReadOnlyList<DatasetSummary>>(Routes.Datasets, cancel);

    public Task<IReadOnlyList<ModelSummary>> ModelsAsync(CancellationToken cancel = default) => GetAsync<IReadOnlyList<ModelSummary>>(Routes.Models, cancel);

    public Task<SystemInfo> SystemAsync(CancellationToken cancel = default) => GetAsync<SystemInfo>(Routes.System, cancel);

    /// <summary>Starts a search for a learning rate.</summary>
    public Task<RateSearch> SearchRateAsync(RunDraft draft) => SendAsync<RateSearch>(HttpMethod.Post, Routes.RateSearches, draft, default);

    public Task<RateSearch> RateSearchAsync(string id, CancellationToken cancel) => GetAsync<RateSearch>($"{Routes.RateSearches}/{Uri.EscapeDataString(id)}", cancel);

    public Task CancelRateSearchAsync(string id) => SendAsync(HttpMethod.Delete, $"{Routes.RateSearches}/{Uri.EscapeDataString(id)}", null, default);

    /// <summary>Where a run is downloaded as something: recipe, hugging_face, llama_factory, bundle.</summary>
    public static string ExportUrl(string id, string format) => $"{Of(id)}/export/{format}".TrimStart('/');

    public static string AdapterUrl(string id) => $"{Of(id)}/adapter.zip".TrimStart('/');

    private static string Of(string id) => $"{Routes.Runs}/{Uri.EscapeDataString(id)}";

    private Task<T> GetAsync<T>(string address, CancellationToken cancel) => SendAsync<T>(HttpMethod.Get, address, null, cancel);

    private async Task<T> SendAsync<T>(HttpMethod method, string address, object? body, CancellationToken cancel)
    {
        using var answer = await ExchangeAsync(method, address, body, cancel);
        return await answer.Content.ReadFromJsonAsync<T>(Json, cancel)
            ?? throw new RunsApiException($"{method} {address}: the answer was empty.");
    }

    private async Task SendAsync(HttpMethod method, string address, object? body, CancellationToken cancel)
    {
        using var answer = await ExchangeAsync(method, address, body, cancel);
    }

    private async Task<HttpResponseMessage> ExchangeAsync(HttpMethod method, string address, object? body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, address.TrimStart('/'));
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: Json);
        var answer = await http.SendAsync(request, cancel);
        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
            throw new RunsApiException(await ReasonAsync(answer, cancel));
    }

    /// <summary>The text of a problem document, or the status where the answer is something else.</summary>
    private async Task<string> ReasonAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        var status = $"{(int)answer.StatusCode} {answer.ReasonPhrase}";
        var text = await answer.Content.ReadAsStringAsync(cancel);
        if (!text.StartsWith('{'))
            return status;
        using var problem = JsonDocument.Parse(text);
        foreach (var field in new[] { "detail", "title", "message" })
        {
            if (problem.RootElement.TryGetProperty(field, out var value) && value.GetString() is { Length: > 0 } said)
                return server.Of(said);
        }

        return status;
    }
}
