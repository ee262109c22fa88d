using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Workbench.Server.Tests.Support;

/// <summary>
/// A hub on loopback that speaks Hugging Face's and ModelScope's web APIs, with the misbehaviour that tests need. Weights count as large files: they
/// carry a SHA-256 in the listing and are redirected to the second host when there is one.
/// </summary>
public sealed class FakeHub : IDisposable
{
    public const string Id = "tiny/Base-1";
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly HttpListener _listener = new();
    private readonly ConcurrentDictionary<string, int> _breaks = new();

    public FakeHub()
    {
        var port = FreePort();
        Address = $"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}";
        _listener.Prefixes.Add(Address + "/");
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public string Address { get; }

    public string ModelScopeAddress => "modelscope+" + Address;

    public ConcurrentDictionary<string, byte[]> Files { get; } = new();

    /// <summary>Names that the listing holds besides the files.</summary>
    public List<string> HostileNames { get; } = [];

    /// <summary>Every request: path with query, Authorization, Range.</summary>
    public ConcurrentQueue<(string Path, string? Authorization, string? Range)> Requests { get; } = new();

    public string? Token { get; set; }

    public bool Gated { get; set; }

    public bool Ranges { get; set; } = true;

    /// <summary>Where large files are redirected to.</summary>
    public FakeHub? Store { get; set; }

    /// <summary>Overrides checksums of the listing.</summary>
    public ConcurrentDictionary<string, string> Sums { get; } = new();

    /// <summary>While set, large files stop after half of their bytes and go on when it completes.</summary>
    public TaskCompletionSource? Hold { get; set; }

    /// <summary>A hub with the files of a folder.</summary>
    public static FakeHub Of(string folder)
    {
        var hub = new FakeHub();
        foreach (var file in Directory.EnumerateFiles(folder))
            hub.Files[Path.GetFileName(file)] = File.ReadAllBytes(file);
        hub.Files["modeling_odd.py"] = "import os"u8.ToArray();
        hub.Files["onnx/model.onnx"] = [1, 2, 3];
        return hub;
    }

    /// <summary>The connection breaks so many times in the middle of a file.</summary>
    public void Break(string file, int times) => _breaks[file] = times;

    public void Dispose()
    {
        Hold?.TrySetResult();
        _listener.Close();
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static bool IsLarge(string path) => Path.GetExtension(path) is ".safetensors" or ".bin" or ".gguf";

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            _ = Task.Run(() => AnswerAsync(context));
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var (request, answer) = (context.Request, context.Response);
        var path = Uri.UnescapeDataString(request.Url!.AbsolutePath);
        Requests.Enqueue((request.Url.PathAndQuery, request.Headers["Authorization"], request.Headers["Range"]));
        try
        {
            if (path.StartsWith("/store/", StringComparison.Ordinal))
                await SendFileAsync(context, path["/store/".Length..]);
            else if (Denied(request) is { } status)
                Refuse(answer, status, Gated ? "GatedRepo" : null);
            else if (path == $"/api/models/{Id}" || path == $"/api/models/{Id}/revision/main" || path == $"/api/models/{Id}/revision/{Commit}")
                Json(answer, new JsonObject { ["id"] = Id, ["sha"] = Commit, ["gated"] = Gated ? "manual" : false });
            else if (path == $"/api/models/{Id}/tree/{Commit}")
                Page(context);
            else if (path.StartsWith($"/{Id}/resolve/{Commit}/", StringComparison.Ordinal))
                await ResolveAsync(context, path[$"/{Id}/resolve/{Commit}/".Length..]);
            else if (path == $"/api/v1/models/{Id}/repo/files")
                Json(answer, new JsonObject { ["Code"] = 200, ["Success"] = true, ["Data"] = new JsonObject { [nameof(Files)] = new JsonArray([.. Files.Keys.Select(ModelScopeFile)]) } });
            else if (path == $"/api/v1/models/{Id}/repo" && request.QueryString["FilePath"] is { } wanted)
                await ResolveAsync(context, wanted);
            else
                Refuse(answer, 404, "RepoNotFound");
        }
        catch (Exception gone) when (gone is HttpListenerException or IOException or ObjectDisposedException)
        {
            // The other side left in the middle; that is what some tests are about.
            answer.Abort();
        }
    }

    private int? Denied(HttpListenerRequest request) => Token is null || request.Headers["Authorization"] == "Bearer " + Token
        ? null
        : request.Headers["Authorization"] is null ? 401 : 403;

    /// <summary>Two files a page, with a link to the next one that names another host, as mirrors do.</summary>
    private void Page(HttpListenerContext context)
    {
        var start = int.Parse(context.Request.QueryString["cursor"] ?? "0", CultureInfo.InvariantCulture);
        var names = Files.Keys.Concat(HostileNames).Order(StringComparer.Ordinal).ToArray();
        if (start + 2 < names.Length)
            context.Response.Headers["Link"] = $"<https://huggingface.co/api/models/{Id}/tree/{Commit}?recursive=1&cursor={start + 2}>; rel=\"next\"";
        Json(context.Response, new JsonArray([.. names.Skip(start).Take(2).Select(HuggingFaceFile)]));
    }

    private JsonNode HuggingFaceFile(string path)
    {
        var content = Files.GetValueOrDefault(path, []);
        var item = new JsonObject { ["type"] = "file", ["path"] = path, ["size"] = content.Length, ["oid"] = Sums.GetValueOrDefault(path) ?? GitBlob(content) };
        if (IsLarge(path))
            item["lfs"] = new JsonObject { ["oid"] = Sums.GetValueOrDefault(path) ?? Convert.ToHexStringLower(SHA256.HashData(content)), ["size"] = content.Length, ["pointerSize"] = 130 };
        return item;
    }

    private JsonNode ModelScopeFile(string path) => new JsonObject
    {
        ["Type"] = "blob", ["Path"] = path, ["Name"] = Path.GetFileName(path), ["Size"] = Files[path].Length, ["Sha256"] = Convert.ToHexStringLower(SHA256.HashData(Files[path])),
    };

    private async Task ResolveAsync(HttpListenerContext context, string path)
    {
        if (!Files.ContainsKey(path))
        {
            Refuse(context.Response, 404, "EntryNotFound");
        }
        else if (Store is { } store && IsLarge(path))
        {
            store.Files[path] = Files[path];
            context.Response.StatusCode = 302;
            context.Response.Headers["Location"] = $"{store.Address}/store/{path}?signature=x";
            context.Response.Close();
        }
        else
        {
            await SendFileAsync(context, path);
        }
    }

    private async Task SendFileAsync(HttpListenerContext context, string path)
    {
        var (content, answer) = (Files[path], context.Response);
        var from = Ranges && context.Request.Headers["Range"] is { } range ? int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture) : 0;
        if (from > 0)
        {
            answer.StatusCode = 206;
            answer.Headers["Content-Range"] = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }

        answer.ContentLength64 = content.Length - from;
        var half = from + ((content.Length - from) / 2);
        await answer.OutputStream.WriteAsync(content.AsMemory(from, half - from));
        await answer.OutputStream.FlushAsync();
        if (IsLarge(path) && Hold is { } hold)
            await hold.Task;
        if (_breaks.TryGetValue(path, out var left) && left > 0)
        {
            _breaks[path] = left - 1;
            answer.Abort();
            return;
        }

        await answer.OutputStream.WriteAsync(content.AsMemory(half));
        answer.Close();
    }

    private static void Json(HttpListenerResponse answer, JsonNode body)
    {
        answer.ContentType = "application/json";
        answer.Close(Encoding.UTF8.GetBytes(body.ToJsonString()), willBlock: true);
    }

    private static void Refuse(HttpListenerResponse answer, int status, string? code)
    {
        answer.StatusCode = status;
        if (code is not null)
            answer.Headers["X-Error-Code"] = code;
        answer.Close(Encoding.UTF8.GetBytes("{}"), willBlock: true);
    }

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "Git names its blobs by SHA-1.")]
    private static string GitBlob(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")), .. content]));
}
