using Microsoft.Extensions.Options;
using Peft.Core.Hub;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Models.Adding;

/// <summary>One client per hub, each with the token that is known for it at the time of a request.</summary>
internal sealed class HubConnections(IOptions<WorkbenchOptions> options, HubTokens tokens) : IDisposable
{
    private static readonly (string Name, HubEndpoint Endpoint)[] s_presets =
        [("Hugging Face", HubEndpoint.HuggingFace), ("HF-Mirror", HubEndpoint.Mirror), ("ModelScope", HubEndpoint.ModelScope)];

    private readonly Dictionary<string, HubClient> _clients = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    public HubSettings Settings() => new(
        Default.ToString(), [.. s_presets.Select(preset => new HubPreset(preset.Name, preset.Endpoint.ToString()))], tokens.Endpoints());

    /// <summary>The client of a hub; of the setting's where none is named.</summary>
    /// <exception cref="Peft.Core.PeftException">The address is none.</exception>
    public HubClient Of(string? endpoint)
    {
        var parsed = string.IsNullOrWhiteSpace(endpoint) ? Default : HubEndpoint.Parse(endpoint);
        var key = parsed.ToString();
        lock (_lock)
        {
            if (!_clients.TryGetValue(key, out var client))
                _clients[key] = client = new HubClient(parsed, () => tokens.Find(key));
            return client;
        }
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values)
            client.Dispose();
    }

    private HubEndpoint Default => HubEndpoint.Parse(options.Value.HubEndpoint);
}
