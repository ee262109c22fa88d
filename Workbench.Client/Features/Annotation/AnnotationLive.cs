using System.Text.Json;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Services;

namespace Workbench.Client.Features.Annotation;

/// <summary>The live wire of one annotation page. Without it everything works but the news of others; after it was lost, the page reads anew.</summary>
public sealed class AnnotationLive : IAsyncDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(3);

    private readonly HubConnection _connection;
    private readonly CancellationTokenSource _gone = new();
    private (string Dataset, string Name, string? Record)? _place;
    private Task? _connecting;

    public AnnotationLive(NavigationManager navigation)
    {
        ArgumentNullException.ThrowIfNull(navigation);
        _connection = new HubConnectionBuilder()
            .WithUrl(navigation.ToAbsoluteUri(Routes.AnnotationHub))
            .AddJsonProtocol(options => options.PayloadSerializerOptions = ApiClient.Json)
            .Build();
        _connection.On<IReadOnlyList<AnnotatorDto>>(nameof(IAnnotationClient.AnnotatorsChanged), others => AnnotatorsChanged?.Invoke(others));
        _connection.On<string, JsonElement>(nameof(IAnnotationClient.Annotated), (record, operation) => Annotated?.Invoke(record, operation));
        _connection.Closed += _ => ConnectAsync(again: true);
    }

    public event Action<IReadOnlyList<AnnotatorDto>>? AnnotatorsChanged;

    public event Action<string, JsonElement>? Annotated;

    /// <summary>The connection stands again after it was lost: operations of others may have been missed.</summary>
    public event Action? Returned;

    public string? Own => _connection.ConnectionId;

    /// <summary>Says where this page is, now or as soon as there is a connection.</summary>
    public Task LookAsync(string dataset, string name, string? record)
    {
        _place = (dataset, name, record);
        _connecting ??= ConnectAsync(again: false);
        return TellAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _gone.CancelAsync();
        await _connection.DisposeAsync();
        _gone.Dispose();
    }

    /// <summary>Tries until the server answers, for as long as the page is open.</summary>
    private async Task ConnectAsync(bool again)
    {
        while (!_gone.IsCancellationRequested && _connection.State == HubConnectionState.Disconnected)
        {
            try
            {
                await _connection.StartAsync(_gone.Token);
                await TellAsync();
                if (again)
                    Returned?.Invoke();
            }
            catch (HttpRequestException)
            {
                again = true;
                await PauseAsync();
            }
            catch (OperationCanceledException) when (_gone.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(s_pause, _gone.Token);
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            // The page was left; the loop ends.
            _place = null;
        }
    }

    private async Task TellAsync()
    {
        if (_place is not var (dataset, name, record) || _connection.State != HubConnectionState.Connected)
            return;
        try
        {
            await _connection.InvokeAsync(nameof(IAnnotationHub.Look), dataset, name, record, _gone.Token);
        }
        catch (Exception lost) when (lost is HubException or InvalidOperationException or OperationCanceledException or System.Net.WebSockets.WebSocketException)
        {
            // The connection broke in the middle; when it stands again, it is told again.
            return;
        }
    }
}
