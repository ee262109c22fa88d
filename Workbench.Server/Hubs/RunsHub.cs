using Microsoft.AspNetCore.SignalR;
using Workbench.Client.Contracts;

namespace Workbench.Server.Hubs;

/// <summary>Where pages watch runs. A viewer that joined a run gets everything after the number it named, once, in order.</summary>
internal sealed class RunsHub(RunViewers viewers) : Hub<IRunsClient>, IRunsHub
{
    public Task JoinRun(string runId, long afterSeq) => viewers.JoinAsync(Context.ConnectionId, runId, afterSeq);

    public Task LeaveRun(string runId) => viewers.LeaveAsync(Context.ConnectionId, runId);

    public override async Task OnDisconnectedAsync(Exception? exception)
    {
        await viewers.LeaveAllAsync(Context.ConnectionId);
        await base.OnDisconnectedAsync(exception);
    }
}
