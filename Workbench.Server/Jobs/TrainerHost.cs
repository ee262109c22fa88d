using System.Diagnostics;
using System.Runtime.InteropServices;
using Peft.Core;
using Peft.Core.Runs;

namespace Workbench.Server.Jobs;

/// <summary>A trainer that this server started. After a restart of the server only its lock is known.</summary>
public interface ITrainerProcess : IDisposable
{
    bool HasExited { get; }

    /// <summary>Exit code once it has ended.</summary>
    int? ExitCode { get; }

    /// <summary>Called once when the process ends.</summary>
    void OnExit(Action callback);
}

/// <summary>Starts trainers. Behind an interface so that they may one day start on another machine.</summary>
public interface ITrainerHost
{
    /// <summary>Starts the trainer of a run directory; it lives on when this server ends.</summary>
    /// <exception cref="PeftException">The worker is missing or could not be started.</exception>
    ITrainerProcess Start(RunPaths run);
}

/// <summary>
/// <c>peft train --run &lt;directory&gt;</c> as a process in a session of its own, at low priority, its output in <c>trainer.log</c>. Its own
/// session keeps Ctrl+C on the server away from it; a file instead of a pipe lets it go on writing when the server is gone.
/// </summary>
internal sealed class ProcessTrainerHost(WorkerLocator worker) : ITrainerHost
{
    /// <summary>$0 = log file, the rest is the command. exec keeps the process id, so the exit code is the trainer's.</summary>
    private const string Script = "exec setsid nice -n 10 \"$@\" </dev/null >>\"$0\" 2>&1";

    private static readonly string s_dotnet = FindDotnet();

    public ITrainerProcess Start(RunPaths run)
    {
        var program = worker.Find() ?? throw new PeftException(worker.MissingMessage);
        var start = new ProcessStartInfo("/bin/sh", ["-c", Script, run.Log, s_dotnet, program, "train", "--run", run.Root])
        {
            WorkingDirectory = run.Root,
            UseShellExecute = false,
        };
        // The trainer is no web program: settings meant for the server must not reach it.
        start.Environment.Remove("ASPNETCORE_URLS");
        try
        {
            var process = Process.Start(start) ?? throw new PeftException($"{program} could not be started.");
            return new TrainerProcess(process);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new PeftException($"{program} could not be started: {e.Message}", e);
        }
    }

    /// <summary>The dotnet that runs this server; the one on the PATH may be another, or none.</summary>
    private static string FindDotnet()
    {
        var beside = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        return File.Exists(beside) ? beside : "dotnet";
    }

    private sealed class TrainerProcess : ITrainerProcess
    {
        private readonly Process _process;
        private Action? _callback;

        public TrainerProcess(Process process)
        {
            _process = process;
            _process.Exited += (_, _) => _callback?.Invoke();
            _process.EnableRaisingEvents = true;
        }

        public bool HasExited => _process.HasExited;

        public int? ExitCode => _process.HasExited ? _process.ExitCode : null;

        public void OnExit(Action callback)
        {
            _callback = callback;
            if (_process.HasExited)
                callback();
        }

        public void Dispose() => _process.Dispose();
    }
}
