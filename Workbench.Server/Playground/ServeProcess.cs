using System.Diagnostics;
using System.Net.Sockets;
using Peft.Core;
using Workbench.Server.Jobs;

namespace Workbench.Server.Playground;

/// <summary>
/// Starts <c>peft serve</c> for a base and connects to it. The worker's standard input stays open as long as this server lives: when it
/// closes, for whatever reason, the worker ends.
/// </summary>
internal sealed class ServeProcess : IDisposable
{
    private const string SocketName = "serve.sock";

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    private readonly Process _process;
    private readonly DirectoryInfo _folder;
    private readonly Queue<string> _complaints = new();

    private ServeProcess(Process process, DirectoryInfo folder)
    {
        _process = process;
        _folder = folder;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) => Remember(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public bool HasExited => _process.HasExited;

    private string SocketPath => Path.Combine(_folder.FullName, SocketName);

    /// <exception cref="PeftException">The worker is missing or cannot be started.</exception>
    public static ServeProcess Start(WorkerLocator worker, string baseModel, int idleMinutes)
    {
        var program = worker.Find() ?? throw new PeftException(worker.MissingMessage);
        // A folder that only this person may enter; socket paths are limited to about a hundred bytes, so it is not under the data directory.
        var folder = Directory.CreateTempSubdirectory("peft-serve-");
        string[] arguments =
        [
            program, "serve", "--base", baseModel, "--socket", Path.Combine(folder.FullName, SocketName), "--exit-with-stdin",
            "--idle-minutes", idleMinutes.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ];
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Remove("ASPNETCORE_URLS");
        try
        {
            return new ServeProcess(Process.Start(start) ?? throw new PeftException($"{program} could not be started."), folder);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            folder.Delete(recursive: true);
            throw new PeftException($"{program} could not be started: {e.Message}", e);
        }
    }

    /// <summary>Waits until the worker listens.</summary>
    /// <exception cref="PeftException">It ended before that; the message is what it said.</exception>
    public async Task<NetworkStream> ConnectAsync(CancellationToken cancel)
    {
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException) when (!_process.HasExited)
            {
                // Not listening yet: it is still reading the weights.
                socket.Dispose();
            }
            catch (Exception)
            {
                socket.Dispose();
                if (_process.HasExited)
                    throw new PeftException(LastWords());
                throw;
            }

            await Task.Delay(s_pause, cancel);
        }
    }

    /// <summary>What the worker said last on its error stream.</summary>
    public string LastWords()
    {
        lock (_complaints)
        {
            return _complaints.Count > 0
                ? "The process that answers has ended: " + string.Join(Environment.NewLine, _complaints)
                : "The process that answers has ended without a message.";
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
        if (Directory.Exists(_folder.FullName))
            _folder.Delete(recursive: true);
    }

    private void Remember(string? line)
    {
        if (string.IsNullOrWhiteSpace(line))
            return;
        lock (_complaints)
        {
            _complaints.Enqueue(line);
            if (_complaints.Count > 10)
                _complaints.Dequeue();
        }
    }
}
