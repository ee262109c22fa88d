using System.Text.Json;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>
/// The live wire of runs, one connection for all pages. A run that is followed is joined again after a lost connection, from the last number
/// that arrived, so nothing is missed and nothing comes twice.
/// </summary>
public sealed class RunsLive(NavigationManager navigation) : IAsyncDisposable
{
    private readonly Dictionary<string, Following> _following = [];
    private readonly CancellationTokenSource _gone = new();
    private HubConnection? _connection;

    public event Action<RunSummary>? RunChanged;

    public event Action<string>? RunDeleted;

    public event Action<ModelJob>? ModelJobChanged;

    public event Action<string>? ModelJobRemoved;

    public event Action<AdapterJob>? AdapterJobChanged;

    public event Action<string>? AdapterJobRemoved;

    /// <summary>The connection came or went; nothing that was drawn is lost meanwhile.</summary>
    public event Action? ConnectionChanged;

    public bool IsConnected => _connection?.State == HubConnectionState.Connected;

    /// <summary>A connection that stood was lost, or the first attempt failed: only then is its absence worth a word.</summary>
    public bool IsAway { get; private set; }

    /// <summary>Connects when the first page needs it. A server that is away is tried again for as long as the application is open.</summary>
    public void Start()
    {
        if (_connection is not null)
            return;
        _connection = new HubConnectionBuilder()
            .WithUrl(navigation.ToAbsoluteUri(Routes.RunsHub))
            .WithAutomaticReconnect(new Patience())
            .AddJsonProtocol(options => options.PayloadSerializerOptions = RunsApi.Json)
            .Build();
        _connection.On<RunSummary>(nameof(IRunsClient.RunChanged), run => RunChanged?.Invoke(run));
        _connection.On<string>(nameof(IRunsClient.RunDeleted), id => RunDeleted?.Invoke(id));
        _connection.On<ModelJob>(nameof(IRunsClient.ModelJobChanged), job => ModelJobChanged?.Invoke(job));
        _connection.On<string>(nameof(IRunsClient.ModelJobRemoved), id => ModelJobRemoved?.Invoke(id));
        _connection.On<AdapterJob>(nameof(IRunsClient.AdapterJobChanged), job => AdapterJobChanged?.Invoke(job));
        _connection.On<string>(nameof(IRunsClient.AdapterJobRemoved), id => AdapterJobRemoved?.Invoke(id));
        _connection.On<string, IReadOnlyList<JsonElement>>(nameof(IRunsClient.RunEvents), DeliverAsync);
        _connection.Reconnecting += _ => AnnounceAsync(away: true);
        _connection.Closed += _ => AnnounceAsync(away: !_gone.IsCancellationRequested);
        _connection.Reconnected += async _ =>
        {
            await JoinAllAsync();
            await AnnounceAsync(away: false);
        };
        _ = ConnectAsync(_connection);
    }

    /// <summary>Follows a run after a sequence number until the answer is disposed; while there is no connection it waits for one.</summary>
    public async Task<IAsyncDisposable> FollowAsync(string runId, long afterSeq, Func<IReadOnlyList<JsonElement>, Task> receive)
    {
        Start();
        var following = new Following(this, runId, afterSeq, receive);
        _following[runId] = following;
        if (_connection!.State == HubConnectionState.Connected)
            await JoinAsync(following);
        return following;
    }

    public async ValueTask DisposeAsync()
    {
        await _gone.CancelAsync();
        if (_connection is not null)
            await _connection.DisposeAsync();
    }

    private async Task ConnectAsync(HubConnection connection)
    {
        for (var attempt = 0L; !_gone.IsCancellationRequested; attempt++)
        {
            try
            {
                await connection.StartAsync(_gone.Token);
                await JoinAllAsync();
                await AnnounceAsync(away: false);
                return;
            }
            catch (Exception error) when (error is HttpRequestException or HubException or OperationCanceledException or InvalidOperationException)
            {
                await AnnounceAsync(away: !_gone.IsCancellationRequested);
                if (!_gone.IsCancellationRequested)
                    await Task.Delay(Patience.After(attempt), _gone.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private Task AnnounceAsync(bool away)
    {
        IsAway = away;
        ConnectionChanged?.Invoke();
        return Task.CompletedTask;
    }

    private async Task DeliverAsync(string runId, IReadOnlyList<JsonElement> events)
    {
        if (!_following.TryGetValue(runId, out var following))
            return;
        var fresh = events.Where(item => item.GetProperty("seq").GetInt64() > following.LastSeq).ToArray();
        if (fresh.Length == 0)
            return;
        following.LastSeq = fresh[^1].GetProperty("seq").GetInt64();
        await following.Receive(fresh);
    }

    private async Task JoinAllAsync()
    {
        foreach (var following in _following.Values.ToArray())
        {
            try
            {
                await JoinAsync(following);
            }
            catch (RunsApiException)
            {
                // Deleted while the connection was away: RunDeleted or the next request says so where it matters.
                _following.Remove(following.RunId);
            }
        }
    }

    private async Task JoinAsync(Following following)
    {
        try
        {
            await _connection!.InvokeAsync(nameof(IRunsHub.JoinRun), following.RunId, following.LastSeq);
        }
        catch (HubException refusal)
        {
            const string Mark = "HubException: ";
            var at = refusal.Message.IndexOf(Mark, StringComparison.Ordinal);
            throw new RunsApiException(at >= 0 ? refusal.Message[(at + Mark.Length)..] : refusal.Message);
        }
    }

    private async Task LeaveAsync(Following following)
    {
        if (_following.TryGetValue(following.RunId, out var current) && current == following)
            _following.Remove(following.RunId);
        if (_connection?.State == HubConnectionState.Connected)
            await _connection.InvokeAsync(nameof(IRunsHub.LeaveRun), following.RunId);
    }

    private sealed class Following(RunsLive live, string runId, long lastSeq, Func<IReadOnlyList<JsonElement>, Task> receive) : IAsyncDisposable
    {
        public string RunId { get; } = runId;

        public long LastSeq { get; set; } = lastSeq;

        public Func<IReadOnlyList<JsonElement>, Task> Receive { get; } = receive;

        public async ValueTask DisposeAsync() => await live.LeaveAsync(this);
    }

    private sealed class Patience : IRetryPolicy
    {
        public TimeSpan? NextRetryDelay(RetryContext retryContext) => After(retryContext.PreviousRetryCount);

        public static TimeSpan After(long attempts) => TimeSpan.FromSeconds(Math.Min(5, 0.2 * Math.Pow(2, Math.Min(attempts, 6))));
    }
}
