using System.Collections.Concurrent;
using System.Text.Json;
using Peft.Core;
using Peft.Core.Hub;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Models.Adding;

/// <summary>
/// Access tokens by hub. They live in memory; those that a person asked to keep also in a file that only the server's user can read. They are
/// never logged and never answered to anybody.
/// </summary>
internal sealed class HubTokens
{
    private const int Longest = 500;

    private readonly ConcurrentDictionary<string, string> _tokens;
    private readonly ConcurrentDictionary<string, string> _kept;
    private readonly string _file;
    private readonly Lock _lock = new();

    public HubTokens(DataDirectory data, ILogger<HubTokens> log)
    {
        _file = data.HubTokens;
        _kept = new(Read(_file, log), StringComparer.Ordinal);
        _tokens = new(_kept, StringComparer.Ordinal);
    }

    public string? Find(string endpoint) => _tokens.GetValueOrDefault(endpoint);

    public IReadOnlyList<string> Endpoints() => [.. _tokens.Keys.Order(StringComparer.Ordinal)];

    /// <exception cref="PeftException">The text cannot be a token, or would travel in the open.</exception>
    public void Put(HubToken given)
    {
        var endpoint = HubEndpoint.Parse(given.Endpoint);
        var token = given.Token?.Trim() ?? "";
        if (token.Length is 0 or > Longest || !token.All(c => c is > ' ' and < '\x7f'))
            throw new PeftException("This is no access token: it must be one word of letters, digits and signs.");
        if (!endpoint.MayCarryToken)
            throw new PeftException($"{endpoint} is not encrypted, so a token sent there could be read by others. Use an https address.");
        _tokens[endpoint.ToString()] = token;
        if (given.Remember)
            _kept[endpoint.ToString()] = token;
        else
            _kept.TryRemove(endpoint.ToString(), out _);
        Save();
    }

    public void Forget(string endpoint)
    {
        var key = HubEndpoint.Parse(endpoint).ToString();
        _tokens.TryRemove(key, out _);
        if (_kept.TryRemove(key, out _))
            Save();
    }

    private void Save()
    {
        lock (_lock)
        {
            if (_kept.IsEmpty)
            {
                File.Delete(_file);
                return;
            }

            // Made unreadable for others before a byte is in it.
            var aside = _file + ".new";
            File.Delete(aside);
            var closed = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                closed.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var stream = new FileStream(aside, closed))
                JsonSerializer.Serialize(stream, new SortedDictionary<string, string>(_kept, StringComparer.Ordinal));
            File.Move(aside, _file, overwrite: true);
        }
    }

    private static Dictionary<string, string> Read(string file, ILogger log)
    {
        try
        {
            return File.Exists(file) ? JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllBytes(file)) ?? [] : [];
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            log.LogWarning("The kept access tokens in {File} cannot be read ({Reason}); give them again", file, error.GetType().Name);
            return [];
        }
    }
}
