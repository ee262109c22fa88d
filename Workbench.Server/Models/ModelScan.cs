namespace Workbench.Server.Models;

/// <summary>Looks for base models when the server starts, so that everything else finds them by id.</summary>
internal sealed class ModelScan(ModelStore models) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => models.SyncAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
