using Microsoft.AspNetCore.SignalR;
using Workbench.Client.Contracts;

namespace Workbench.Server.Hubs;

/// <summary>News about what is made of adapters, to every page that is open.</summary>
internal sealed class AdapterJobPublisher(IHubContext<RunsHub, IRunsClient> hub)
{
    public Task ChangedAsync(AdapterJob job) => hub.Clients.All.AdapterJobChanged(job);

    public Task RemovedAsync(string id) => hub.Clients.All.AdapterJobRemoved(id);
}
