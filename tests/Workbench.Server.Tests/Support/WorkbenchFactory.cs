using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;

namespace Workbench.Server.Tests.Support;

/// <summary>The real server in this process on an empty data directory of its own. A second one on the same directory is a restart.</summary>
public sealed class WorkbenchFactory : WebApplicationFactory<Program>
{
    private readonly bool _ownsData;

    public WorkbenchFactory() : this(Path.Combine(Path.GetTempPath(), "workbench-tests", Guid.NewGuid().ToString("N"))) => _ownsData = true;

    private WorkbenchFactory(string data) => Data = data;

    /// <summary>A server on a directory that another one has used; the caller deletes it.</summary>
    public static WorkbenchFactory On(string data) => new(data);

    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    public string Data { get; }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.UseSetting("Workbench:DataDirectory", Data);
        builder.UseSetting("urls", "http://127.0.0.1:0");
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_ownsData && Directory.Exists(Data))
            Directory.Delete(Data, recursive: true);
        GC.SuppressFinalize(this);
    }
}

/// <summary>The API as tests speak it.</summary>
public static class ApiExtensions
{
    public static async Task<T> AskAsync<T>(this HttpClient http, string address)
    {
        using var answer = await http.GetAsync(new Uri(address, UriKind.Relative));
        return await answer.ReadAsync<T>();
    }

    public static async Task<T> SendAsync<T>(this HttpClient http, HttpMethod method, string address, object? body = null)
    {
        using var answer = await http.TryAsync(method, address, body);
        return await answer.ReadAsync<T>();
    }

    public static async Task<HttpResponseMessage> TryAsync(this HttpClient http, HttpMethod method, string address, object? body = null)
    {
        ArgumentNullException.ThrowIfNull(http);
        using var request = new HttpRequestMessage(method, address);
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: WorkbenchFactory.Json);
        return await http.SendAsync(request);
    }

    /// <summary>The text of a refusal; fails when it is none.</summary>
    public static async Task<string> RefusalAsync(this HttpClient http, HttpMethod method, string address, object? body, int status)
    {
        using var answer = await http.TryAsync(method, address, body);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"{method} {address}: {(int)answer.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement.GetProperty("detail").GetString()!;
    }

    private static async Task<T> ReadAsync<T>(this HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri}: {(int)answer.StatusCode} {text}");
        return JsonSerializer.Deserialize<T>(text, WorkbenchFactory.Json)!;
    }
}
