using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Localization;
using Workbench.Client.Shared;

namespace Workbench.Client.Services;

/// <summary>The server refused, or did not answer. The message can be shown as it is; <c>Errors</c> names fields.</summary>
public sealed class ApiException(string message, int? status, IReadOnlyDictionary<string, string[]>? errors = null) : Exception(message)
{
    public int? Status { get; } = status;

    public IReadOnlyDictionary<string, string[]> Errors { get; } = errors ?? new Dictionary<string, string[]>();
}

/// <summary>HTTP with the workbench's JSON and with refusals as <see cref="ApiException"/>.</summary>
public sealed class ApiClient(HttpClient http, IStringLocalizer<SharedText> text, ServerTexts server)
{
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    public async Task<T> GetAsync<T>(string address, CancellationToken cancel = default)
    {
        using var answer = await ExchangeAsync(HttpMethod.Get, address, null, cancel);
        return await ReadAsync<T>(answer, cancel);
    }

    public async Task<T> SendAsync<T>(HttpMethod method, string address, object? body, CancellationToken cancel = default)
    {
        using var answer = await ExchangeAsync(method, address, body, cancel);
        return await ReadAsync<T>(answer, cancel);
    }

    public async Task SendAsync(HttpMethod method, string address, object? body, CancellationToken cancel = default)
    {
        using var answer = await ExchangeAsync(method, address, body, cancel);
    }

    /// <summary>Sends a file as it is.</summary>
    public async Task<T> SendStreamAsync<T>(string address, Stream content, CancellationToken cancel = default)
    {
        using var body = new StreamContent(content);
        body.Headers.ContentType = new("application/octet-stream");
        using var answer = await ExchangeAsync(HttpMethod.Put, address, body, cancel);
        return await ReadAsync<T>(answer, cancel);
    }

    private async Task<T> ReadAsync<T>(HttpResponseMessage answer, CancellationToken cancel)
    {
        try
        {
            return await answer.Content.ReadFromJsonAsync<T>(Json, cancel) ?? throw Unreadable(answer);
        }
        catch (JsonException)
        {
            throw Unreadable(answer);
        }
    }

    private async Task<HttpResponseMessage> ExchangeAsync(HttpMethod method, string address, object? body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, address.TrimStart('/'));
        if (body is not null)
            request.Content = body as HttpContent ?? JsonContent.Create(body, body.GetType(), options: Json);
        HttpResponseMessage answer;
        try
        {
            answer = await http.SendAsync(request, cancel);
        }
        catch (HttpRequestException)
        {
            throw new ApiException(text["serverAway"], null);
        }

        if (answer.IsSuccessStatusCode)
            return answer;
        using (answer)
            throw await RefusalAsync(answer, cancel);
    }

    private async Task<ApiException> RefusalAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        var body = await answer.Content.ReadAsStringAsync(cancel);
        if (answer.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) != true)
            return Unreadable(answer);
        var problem = JsonSerializer.Deserialize<Problem>(body, Json);
        var errors = problem?.Errors ?? [];
        var said = new[] { problem?.Detail, errors.Count > 0 ? string.Join(" ", errors.Values.SelectMany(value => value)) : null, problem?.Title }
            .FirstOrDefault(part => !string.IsNullOrWhiteSpace(part));
        return said is null ? Unreadable(answer) : new ApiException(server.Of(said), (int)answer.StatusCode, errors);
    }

    private ApiException Unreadable(HttpResponseMessage answer) =>
        new(text["serverAnswered", $"{(int)answer.StatusCode} {answer.ReasonPhrase}".Trim()], (int)answer.StatusCode);

    private sealed record Problem(string? Title, string? Detail, Dictionary<string, string[]>? Errors);
}
