using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Lifecycle;

internal static class HttpAnswers
{
    public static async Task<T> SendAsync<T>(this HttpClient http, HttpMethod method, string address)
    {
        using var request = new HttpRequestMessage(method, address);
        using var answer = await http.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {address}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        return (await answer.Content.ReadFromJsonAsync<T>(WorkbenchFactory.Json))!;
    }

    /// <summary>Sends what must be refused, and returns what the person reads.</summary>
    public static async Task<string> RefusedAsync(this HttpClient http, HttpMethod method, string address, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(method, address);
        using var answer = await http.SendAsync(request);
        Assert.Equal(status, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString()!;
    }
}
