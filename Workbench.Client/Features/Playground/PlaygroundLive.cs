using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Features.Playground;

/// <summary>Asks a model and streams its answer. The connection is made when the first question is asked.</summary>
public sealed class PlaygroundLive(NavigationManager navigation) : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private HubConnection? _connection;

    public async Task<IAsyncEnumerable<GenerateChunk>> GenerateAsync(GenerateRequest request, CancellationToken cancel)
    {
        var connection = await ConnectAsync(cancel);
        return connection.StreamAsync<GenerateChunk>("Generate", request, cancel);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync();
        _gate.Dispose();
    }

    private async Task<HubConnection> ConnectAsync(CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            _connection ??= new HubConnectionBuilder()
                .WithUrl(navigation.ToAbsoluteUri(Routes.PlaygroundHub))
                .WithAutomaticReconnect()
                .AddJsonProtocol(options => options.PayloadSerializerOptions = RunsApi.Json)
                .Build();
            if (_connection.State == HubConnectionState.Disconnected)
                await _connection.StartAsync(cancel);
            return _connection;
        }
        finally
        {
            _gate.Release();
        }
    }
}
