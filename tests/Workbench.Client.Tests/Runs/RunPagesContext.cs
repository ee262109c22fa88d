using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;
using Workbench.Client.Services;

namespace Workbench.Client.Tests.Runs;

/// <summary>A page's surroundings with a server of answers written by the test, in a chosen language.</summary>
public class RunPagesContext : BunitContext, IAsyncLifetime
{
    private readonly Dictionary<string, string> _answers = [];

    protected RunPagesContext()
    {
        SetCulture("en");
        DefaultWaitTimeout = TimeSpan.FromSeconds(20);
        JSInterop.Mode = JSRuntimeMode.Loose;
        Clock = new HandClock(new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero));
        Services.AddWorkbenchClient();
        Services.AddSingleton<TimeProvider>(Clock);
        Services.AddScoped(_ => new HttpClient(new Answers(this)) { BaseAddress = new Uri("http://localhost/") });
    }

    public HandClock Clock { get; }

    /// <summary>Every request so far: method and path with query.</summary>
    public List<string> Requests { get; } = [];

    /// <summary>Bodies of the requests that had one, in order.</summary>
    public List<string> Bodies { get; } = [];

    public Task InitializeAsync() => Task.CompletedTask;

    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    protected void Answer<T>(string methodAndPath, T body) => _answers[methodAndPath] = JsonSerializer.Serialize(body, RunsApi.Json);

    protected static void SetCulture(string name)
    {
        var culture = CultureInfo.GetCultureInfo(name);
        CultureInfo.CurrentCulture = CultureInfo.CurrentUICulture = culture;
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.DefaultThreadCurrentUICulture = culture;
    }

    private sealed class Answers(RunPagesContext context) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var path = request.RequestUri!.PathAndQuery;
            var key = $"{request.Method} {path}";
            context.Requests.Add(key);
            if (request.Content is not null)
                context.Bodies.Add(await request.Content.ReadAsStringAsync(cancellationToken));
            return context._answers.TryGetValue(key, out var body)
                ? new(HttpStatusCode.OK) { Content = new StringContent(body, Encoding.UTF8, "application/json") }
                : new(HttpStatusCode.NotFound) { Content = new StringContent("""{"title":"no answer prepared"}""", Encoding.UTF8, "application/problem+json") };
        }
    }
}

/// <summary>A clock that stands still until it is moved.</summary>
public sealed class HandClock(DateTimeOffset start) : TimeProvider
{
    private readonly List<HandTimer> _timers = [];
    private DateTimeOffset _now = start;

    public override DateTimeOffset GetUtcNow() => _now;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new HandTimer(this, callback, state, _now + dueTime);
        lock (_timers)
            _timers.Add(timer);
        return timer;
    }

    public void Advance(TimeSpan span)
    {
        _now += span;
        HandTimer[] due;
        lock (_timers)
        {
            due = [.. _timers.Where(timer => timer.Due <= _now)];
            _timers.RemoveAll(timer => due.Contains(timer));
        }

        foreach (var timer in due)
            timer.Fire();
    }

    private sealed class HandTimer(HandClock clock, TimerCallback callback, object? state, DateTimeOffset due) : ITimer
    {
        public DateTimeOffset Due { get; private set; } = due;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Due = dueTime == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue : clock._now + dueTime;
            return true;
        }

        public void Dispose()
        {
            lock (clock._timers)
                clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
