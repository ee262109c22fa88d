using System.Globalization;
using System.Net;
using System.Text.Json;
using Bunit;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Services;

namespace Workbench.Client.Tests;

/// <summary>The client's services with a server of prepared answers, in English unless said otherwise.</summary>
public abstract class PagesContext : BunitContext, IAsyncLifetime
{
    protected PagesContext()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        DefaultWaitTimeout = TimeSpan.FromSeconds(20);
        Services.AddScoped(_ => new HttpClient(Server) { BaseAddress = new Uri("http://localhost/") });
        Services.AddWorkbenchClient();
        SetCulture("en");
    }

    protected FakeServer Server { get; } = new();

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>The live connection can only be closed asynchronously.</summary>
    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    protected static void SetCulture(string name) =>
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = CultureInfo.GetCultureInfo(name);
}

/// <summary>Answers by method and address; what nobody prepared is a 404 with a problem document.</summary>
public sealed class FakeServer : HttpMessageHandler
{
    private readonly Dictionary<string, (HttpStatusCode Status, string Body, string Type)> _answers = [];

    public List<(string Request, string Body)> Asked { get; } = [];

    public void Answer<T>(string request, T value) => _answers[request] = (HttpStatusCode.OK, JsonSerializer.Serialize(value, ApiClient.Json), "application/json");

    public void Refuse(string request, HttpStatusCode status, string body, string type = "application/problem+json") => _answers[request] = (status, body, type);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var name = $"{request.Method} {request.RequestUri!.PathAndQuery}";
        Asked.Add((name, request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken)));
        var (status, body, type) = _answers.GetValueOrDefault(name, (HttpStatusCode.NotFound, $$"""{"title":"no answer for {{name}}"}""", "application/problem+json"));
        return new HttpResponseMessage(status) { Content = new StringContent(body, System.Text.Encoding.UTF8, type) };
    }
}
