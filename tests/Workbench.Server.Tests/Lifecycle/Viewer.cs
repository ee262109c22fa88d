using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR.Client;
using Workbench.Client.Contracts;

namespace Workbench.Server.Tests.Lifecycle;

/// <summary>A page that watches one run: keeps what it got, in the order it got it.</summary>
internal sealed class Viewer : IAsyncDisposable
{
    private readonly HubConnection _hub;
    private readonly List<JsonElement> _events;

    private Viewer(HubConnection hub, List<JsonElement> events)
    {
        _hub = hub;
        _events = events;
    }

    public long LastSeq => Seqs is [.., var last] ? last : 0;

    public long[] Seqs
    {
        get
        {
            lock (_events)
                return [.. _events.Select(e => e.GetProperty("seq").GetInt64())];
        }
    }

    /// <summary>Joins after what an earlier connection of the same page already has.</summary>
    public static async Task<Viewer> JoinAsync(ServerProcess server, string runId, Viewer? before = null)
    {
        var hub = await server.ConnectAsync();
        var viewer = new Viewer(hub, before?._events ?? []);
        hub.On<string, IReadOnlyList<JsonElement>>(nameof(IRunsClient.RunEvents), (_, events) =>
        {
            lock (viewer._events)
                viewer._events.AddRange(events);
        });
        await hub.InvokeAsync(nameof(IRunsHub.JoinRun), runId, viewer.LastSeq);
        return viewer;
    }

    public async Task WaitForAsync(long seq)
    {
        var patience = Stopwatch.StartNew();
        while (LastSeq < seq)
        {
            if (patience.Elapsed > TimeSpan.FromSeconds(30))
                throw new TimeoutException($"The viewer has {LastSeq} of {seq} events.");
            await Task.Delay(20);
        }
    }

    /// <summary>Everything once and in order.</summary>
    public void AssertComplete(long lastSeq) => Assert.Equal(Enumerable.Range(1, (int)lastSeq).Select(n => (long)n), Seqs);

    public ValueTask DisposeAsync() => _hub.DisposeAsync();
}
