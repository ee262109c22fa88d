using Microsoft.AspNetCore.SignalR;
using Workbench.Client.Contracts;

namespace Workbench.Server.Hubs;

/// <summary>News about models on their way, to every page that is open.</summary>
internal sealed class ModelJobPublisher(IHubContext<RunsHub, IRunsClient> hub)
{
    public Task ChangedAsync(ModelJob job) => hub.Clients.All.ModelJobChanged(job);

    public Task RemovedAsync(string id) => hub.Clients.All.ModelJobRemoved(id);
}
