using Microsoft.AspNetCore.SignalR;
using Workbench.Client.Contracts;

namespace Workbench.Server.Hubs;

/// <summary>News about the list of runs, to every page that is open.</summary>
internal sealed class RunPublisher(IHubContext<RunsHub, IRunsClient> hub)
{
    public Task ChangedAsync(RunSummary run) => hub.Clients.All.RunChanged(run);

    public Task DeletedAsync(string id) => hub.Clients.All.RunDeleted(id);
}
