using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using Microsoft.AspNetCore.SignalR.Client;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Lifecycle;

/// <summary>The real server as a process in a session of its own (so that "Ctrl+C" can be sent to its group), with the fake trainer as worker.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private readonly StringBuilder _output = new();
    private readonly bool _ownsData;
    private Process _process;

    private ServerProcess(string data, bool ownsData)
    {
        Data = data;
        _ownsData = ownsData;
        Address = new Uri($"http://127.0.0.1:{Programs.FreePort()}");
        Http = new HttpClient { BaseAddress = Address };
        _process = Start();
    }

    public string Data { get; }

    public Uri Address { get; }

    public HttpClient Http { get; }

    public int Id => _process.Id;

    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public static string NewDataDirectory()
    {
        var folder = Path.Combine(Path.GetTempPath(), "workbench-lifecycle", Guid.NewGuid().ToString("N")[..12]);
        Directory.CreateDirectory(folder);
        return folder;
    }

    public static async Task<ServerProcess> StartAsync(string? data = null)
    {
        var server = new ServerProcess(data ?? NewDataDirectory(), ownsData: data is null);
        await server.WaitUntilHealthyAsync();
        return server;
    }

    /// <summary>Starts the server again on the same directory and port.</summary>
    public async Task RestartAsync()
    {
        _process.Dispose();
        _process = Start();
        await WaitUntilHealthyAsync();
    }

    public async Task KillAsync()
    {
        Programs.Signal("KILL", Id);
        await _process.WaitForExitAsync();
    }

    /// <summary>What a terminal does on Ctrl+C: SIGINT to the whole group.</summary>
    public async Task InterruptAsync()
    {
        Programs.Signal("INT", -Id);
        await _process.WaitForExitAsync();
    }

    public Task<RunSummary> CommandAsync(string runId, string command) => Http.SendAsync<RunSummary>(HttpMethod.Post, $"{Routes.Runs}/{runId}/{command}");

    public async Task<RunSummary> FindAsync(string runId) =>
        (await Http.GetFromJsonAsync<RunDetail>(new Uri($"{Routes.Runs}/{runId}", UriKind.Relative), WorkbenchFactory.Json))!.Summary;

    /// <summary>Waits until a run looks as it should; a minute is for slow machines, not for the server.</summary>
    public async Task<RunSummary> WaitAsync(string runId, Func<RunSummary, bool> wanted)
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            using var answer = await Http.GetAsync(new Uri($"{Routes.Runs}/{runId}", UriKind.Relative));
            var run = answer.IsSuccessStatusCode ? (await answer.Content.ReadFromJsonAsync<RunDetail>(WorkbenchFactory.Json))!.Summary : null;
            if (run is not null && wanted(run))
                return run;
            if (patience.Elapsed > TimeSpan.FromMinutes(1))
                throw new TimeoutException($"The run stayed {run?.State} at step {run?.Step} ({run?.Message}).\n{Output}");
            await Task.Delay(50);
        }
    }

    public Task<RunSummary> WaitAsync(string runId, RunState state) => WaitAsync(runId, run => run.State == state);

    public async Task<HubConnection> ConnectAsync()
    {
        var hub = new HubConnectionBuilder().WithUrl(new Uri(Address, Routes.RunsHub)).Build();
        await hub.StartAsync();
        return hub;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
        Http.Dispose();
        foreach (var run in Directory.Exists(Path.Combine(Data, "runs")) ? Directory.GetDirectories(Path.Combine(Data, "runs")) : [])
        {
            if (Programs.TrainerOf(run) is { } trainer)
                Programs.Signal("KILL", trainer);
        }

        if (_ownsData)
            await DeleteAsync(Data);
    }

    /// <summary>A process that was just killed may still be writing for a moment.</summary>
    public static async Task DeleteAsync(string folder)
    {
        for (var attempt = 0; Directory.Exists(folder); attempt++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (IOException) when (attempt < 50)
            {
                await Task.Delay(100);
            }
        }
    }

    private Process Start()
    {
        var start = new ProcessStartInfo("setsid", ["dotnet", Programs.Server])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["ASPNETCORE_URLS"] = Address.ToString(),
                ["ASPNETCORE_ENVIRONMENT"] = "Production",
                ["Workbench__DataDirectory"] = Data,
                ["Workbench__WorkerPath"] = Programs.FakeTrainer,
            },
        };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private async Task WaitUntilHealthyAsync()
    {
        var patience = Stopwatch.StartNew();
        while (patience.Elapsed < TimeSpan.FromSeconds(90))
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The server ended with code {_process.ExitCode}:\n{Output}");
            try
            {
                using var answer = await Http.GetAsync(new Uri(Routes.Health, UriKind.Relative));
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(100);
        }

        throw new TimeoutException("The server did not become healthy:\n" + Output);
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_output)
            _output.AppendLine(line);
    }
}
