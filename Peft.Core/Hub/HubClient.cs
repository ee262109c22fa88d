using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Peft.Core.Hub;

/// <summary>A file's content from some byte on.</summary>
/// <param name="Content">The bytes.</param>
/// <param name="From">The byte it begins at: 0 when the hub does not do ranges.</param>
public sealed record HubContent(Stream Content, long From) : IDisposable
{
    /// <summary>Closes the connection.</summary>
    public void Dispose() => Content.Dispose();
}

/// <summary>
/// Reads from one hub over HTTP. Redirects are followed here and not by the HTTP library, since the access token belongs to the hub's own host:
/// the servers that large files are redirected to never see it.
/// </summary>
public sealed class HubClient : IDisposable
{
    private const int LongestChain = 8;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly HttpClient http;
    private readonly Func<string?> token;
    private readonly HubListings listings;

    /// <summary>A client of one hub.</summary>
    /// <param name="endpoint">The hub.</param>
    /// <param name="token">Gives the access token at the time of a request; null or empty for none.</param>
    public HubClient(HubEndpoint endpoint, Func<string?>? token = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        Endpoint = endpoint;
        this.token = token ?? (() => null);
        listings = new HubListings(this);
        http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = !endpoint.Address.IsLoopback,
            ConnectTimeout = TimeSpan.FromSeconds(20),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("peft-workbench", "0.1"));
    }

    /// <summary>The hub.</summary>
    public HubEndpoint Endpoint { get; }

    internal bool HasToken => Endpoint.MayCarryToken && !string.IsNullOrEmpty(token());

    /// <summary>The model's commit and files.</summary>
    /// <exception cref="HubException">The hub refuses or cannot be reached.</exception>
    public Task<HubListing> ListAsync(HubModelName model, CancellationToken cancel) => listings.ReadAsync(model, cancel);

    /// <summary>A small file as a whole.</summary>
    /// <exception cref="HubException">The hub refuses, or the file is larger than the limit.</exception>
    public async Task<byte[]> ReadAsync(HubListing listing, string path, int limit, CancellationToken cancel)
    {
        using var opened = await OpenAsync(listing, path, 0, cancel).ConfigureAwait(false);
        using var buffer = new MemoryStream();
        var chunk = new byte[64 * 1024];
        while (buffer.Length < limit && await ReadAsync(opened.Content, chunk, cancel).ConfigureAwait(false) is > 0 and var read)
            buffer.Write(chunk, 0, read);
        return buffer.Length < limit ? buffer.ToArray() : throw new HubException(HubFailure.Unusable, $"{path} of {listing.Id} is larger than {limit:N0} bytes.");
    }

    /// <summary>Opens a file, from a byte on where the hub does ranges.</summary>
    /// <exception cref="HubException">The hub refuses or cannot be reached.</exception>
    public async Task<HubContent> OpenAsync(HubListing listing, string path, long from, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(listing);
        var what = $"{path} of {listing.Id}";
        var answer = await SendAsync(FileAddress(listing, path), from, cancel).ConfigureAwait(false);
        try
        {
            if (!answer.IsSuccessStatusCode)
                throw Refusal(answer, what);
            var start = answer.StatusCode == HttpStatusCode.PartialContent ? answer.Content.Headers.ContentRange?.From ?? from : 0;
            if (start != from && start != 0)
                throw new HubException(HubFailure.Unusable, $"{what}: byte {from} was asked for, {Endpoint.Address.Host} answers from byte {start}.");
            return new HubContent(await answer.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false), start);
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    /// <summary>Reads with a limit on silence: a connection that says nothing for a minute is a broken one.</summary>
    /// <exception cref="HubException">The connection broke.</exception>
    public async Task<int> ReadAsync(Stream content, Memory<byte> buffer, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(content);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limited.CancelAfter(s_patience);
        try
        {
            return await content.ReadAsync(buffer, limited.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (IsBroken(error) && !cancel.IsCancellationRequested)
        {
            throw Unreachable(error);
        }
    }

    /// <inheritdoc />
    public void Dispose() => http.Dispose();

    internal async Task<(JsonDocument Json, Uri? Next)> JsonAsync(Uri address, string what, CancellationToken cancel)
    {
        using var answer = await SendAsync(address, 0, cancel).ConfigureAwait(false);
        if (!answer.IsSuccessStatusCode)
            throw Refusal(answer, what);
        try
        {
            var content = await answer.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
            return (await JsonDocument.ParseAsync(content, default, cancel).ConfigureAwait(false), Next(answer));
        }
        catch (JsonException error)
        {
            throw new HubException(HubFailure.Unusable, $"{Endpoint.Address.Host} does not answer like a hub (no JSON at {address.AbsolutePath}). Is the address right?", error);
        }
        catch (Exception error) when (IsBroken(error) && !cancel.IsCancellationRequested)
        {
            throw Unreachable(error);
        }
    }

    private Uri FileAddress(HubListing listing, string path) => Endpoint.Api == HubApi.ModelScope
        ? new Uri(Endpoint.Address, $"api/v1/models/{listing.Id}/repo?Revision={Uri.EscapeDataString(listing.Revision)}&FilePath={Uri.EscapeDataString(path)}")
        : new Uri(Endpoint.Address, $"{listing.Id}/resolve/{Uri.EscapeDataString(listing.Revision)}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    private async Task<HttpResponseMessage> SendAsync(Uri address, long from, CancellationToken cancel)
    {
        for (var hop = 0; hop < LongestChain; hop++)
        {
            var answer = await SendOnceAsync(address, from, cancel).ConfigureAwait(false);
            if (answer.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)
                || answer.Headers.Location is not { } location)
                return answer;
            answer.Dispose();
            var next = new Uri(address, location);
            if (next.Scheme != Uri.UriSchemeHttps && (next.Scheme != Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps))
                throw new HubException(HubFailure.Unusable, $"{address.Host} redirects from an encrypted to an open connection ({next.Host}); refused.");
            address = next;
        }

        throw new HubException(HubFailure.Unusable, $"{Endpoint.Address.Host} redirects in a circle.");
    }

    private async Task<HttpResponseMessage> SendOnceAsync(Uri address, long from, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (from > 0)
            request.Headers.Range = new RangeHeaderValue(from, null);
        if (Endpoint.Owns(address) && HasToken)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token());
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limited.CancelAfter(s_patience);
        try
        {
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limited.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (IsBroken(error) && !cancel.IsCancellationRequested)
        {
            throw Unreachable(error);
        }
    }

    private static bool IsBroken(Exception error) => error is HttpRequestException or IOException or OperationCanceledException;

    private HubException Unreachable(Exception error) => new(
        HubFailure.Unreachable,
        $"{Endpoint.Address.Host} cannot be reached: {(error is OperationCanceledException ? "no answer within a minute" : error.GetBaseException().Message)}. Check the network, or choose another source.",
        error);

    private HubException Refusal(HttpResponseMessage answer, string what)
    {
        var (host, code) = (Endpoint.Address.Host, answer.Headers.TryGetValues("X-Error-Code", out var codes) ? codes.FirstOrDefault() : null);
        return (int)answer.StatusCode switch
        {
            401 or 403 when code == "GatedRepo" => new(HubFailure.AccessDenied, HasToken
                ? $"{what}: the access token's owner has not been let in. Accept the model's terms on its page at {host}, then try again."
                : $"{what} is gated: accept the model's terms on its page at {host} and give an access token."),
            401 => new(HubFailure.AccessDenied, HasToken
                ? $"{what}: {host} does not accept the access token. Is it complete and not expired?"
                : $"{what}: {host} asks for an access token, or there is no such model. Check the id; for a private or gated model give a token."),
            403 => new(HubFailure.AccessDenied, $"{what}: {host} denies access. Accept the model's terms on its page and give an access token that may read it."),
            404 => new(HubFailure.NotFound, code == "RevisionNotFound" ? $"{what}: there is no such revision at {host}." : $"{what}: there is no such model or file at {host}. Check the spelling; upper and lower case count."),
            416 => new(HubFailure.Damaged, $"{what}: {host} says that the file is shorter than announced."),
            429 => new(HubFailure.Unreachable, $"{host} asks to wait: too many requests. Try again in some minutes."),
            >= 500 and var status => new(HubFailure.Unreachable, $"{host} has a failure of its own (status {status}). Try again later."),
            var status => new(HubFailure.Unusable, $"{what}: {host} answers with status {status}."),
        };
    }

    /// <summary>The next page of a listing, asked of the same host whatever host the link names: a mirror passes on the links of the original.</summary>
    private Uri? Next(HttpResponseMessage answer)
    {
        if (!answer.Headers.TryGetValues("Link", out var links))
            return null;
        foreach (var link in links.SelectMany(value => value.Split(',')))
        {
            var (open, close) = (link.IndexOf('<', StringComparison.Ordinal), link.IndexOf('>', StringComparison.Ordinal));
            if (open < 0 || close < open || !link.Contains("rel=\"next\"", StringComparison.Ordinal))
                continue;
            if (Uri.TryCreate(Endpoint.Address, link[(open + 1)..close], out var target))
                return new Uri(Endpoint.Address, target.PathAndQuery);
        }

        return null;
    }
}
