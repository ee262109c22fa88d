using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text;

namespace Workbench.EndToEnd.Tests.Support;

/// <summary>The real server as a process of its own, on a free port and a data directory of its own.</summary>
public sealed class WorkbenchProcess : IAsyncDisposable
{
    private readonly StringBuilder _output = new();
    private Process _process;

    private WorkbenchProcess(string dataDirectory, int port)
    {
        DataDirectory = dataDirectory;
        BaseAddress = new Uri($"http://127.0.0.1:{port}");
        Client = new HttpClient { BaseAddress = BaseAddress };
        _process = Start();
    }

    public string DataDirectory { get; }

    public Uri BaseAddress { get; }

    public HttpClient Client { get; }

    public int ProcessId => _process.Id;

    /// <summary>What the server printed so far; part of every failure message.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public static async Task<WorkbenchProcess> StartAsync()
    {
        var folder = Path.Combine(Path.GetTempPath(), "workbench-e2e-" + Guid.NewGuid().ToString("N")[..8]);
        var server = new WorkbenchProcess(folder, FreePort());
        await server.WaitUntilReadyAsync();
        return server;
    }

    /// <summary>SIGKILL, as an out-of-memory killer would.</summary>
    public async Task KillAsync()
    {
        _process.Kill(entireProcessTree: false);
        await _process.WaitForExitAsync();
    }

    public async Task RestartAsync()
    {
        _process = Start();
        await WaitUntilReadyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using var stop = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await stop.WaitForExitAsync();
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(15));
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                await KillAsync();
            }
        }

        Client.Dispose();
        _process.Dispose();
        StopTrainersLeftBehind();
        Directory.Delete(DataDirectory, recursive: true);
    }

    private Process Start()
    {
        var output = typeof(WorkbenchProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ServerOutput").Value!;
        var start = new ProcessStartInfo("dotnet", [Path.Combine(output, "Workbench.Server.dll")])
        {
            WorkingDirectory = output,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["ASPNETCORE_URLS"] = BaseAddress.ToString(),
                ["ASPNETCORE_ENVIRONMENT"] = "Production",
                ["Workbench__DataDirectory"] = DataDirectory,
            },
        };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private async Task WaitUntilReadyAsync()
    {
        var patience = Stopwatch.StartNew();
        while (patience.Elapsed < TimeSpan.FromSeconds(90))
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The server ended with code {_process.ExitCode}:\n{Output}");
            try
            {
                using var answer = await Client.GetAsync(new Uri("/health", UriKind.Relative));
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(200);
        }

        throw new TimeoutException("The server did not become healthy within 90 s:\n" + Output);
    }

    /// <summary>Trainers outlive the server by design; a test's trainers must not outlive the test.</summary>
    private void StopTrainersLeftBehind()
    {
        using var kill = Process.Start("pkill", ["-KILL", "-f", DataDirectory]);
        kill.WaitForExit();
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (_output)
            _output.AppendLine(line);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
