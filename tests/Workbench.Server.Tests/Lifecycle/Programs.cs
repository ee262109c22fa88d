using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Lifecycle;

/// <summary>The programs as they were built with these tests, and signals to their processes.</summary>
internal static class Programs
{
    private static readonly string s_framework = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
    private static readonly string s_configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory))!);

    public static string Server { get; } = Path.Combine(Repository.Root, "Workbench.Server", "bin", s_configuration, s_framework, "Workbench.Server.dll");

    public static string FakeTrainer { get; } =
        Path.Combine(Repository.Root, "tests", "Peft.FakeTrainer", "bin", s_configuration, s_framework, "Peft.FakeTrainer.dll");

    /// <summary>Starts a trainer by hand, as a person on the command line would.</summary>
    public static Process StartTrainer(string runDirectory)
    {
        var start = new ProcessStartInfo("dotnet", [FakeTrainer, "train", "--run", runDirectory]) { RedirectStandardError = true, RedirectStandardOutput = true };
        return Process.Start(start)!;
    }

    /// <summary>Runs a trainer by hand to its end.</summary>
    public static async Task<(int ExitCode, string Errors)> TrainAsync(string runDirectory)
    {
        using var process = StartTrainer(runDirectory);
        var errors = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await errors);
    }

    /// <summary>Sends a signal; a negative id means the whole process group, as a terminal does on Ctrl+C.</summary>
    public static void Signal(string signal, int processId)
    {
        using var kill = Process.Start("/bin/kill", ["-" + signal, "--", processId.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>The trainer that works on a run: the process that has its lock open.</summary>
    public static int? TrainerOf(string runDirectory)
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            var commandLine = ReadQuietly(Path.Combine(process, "cmdline"));
            if (commandLine.Contains(runDirectory, StringComparison.Ordinal) && commandLine.Contains("train", StringComparison.Ordinal))
                return int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture);
        }

        return null;
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>A process may end while it is looked at.</summary>
    private static string ReadQuietly(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
        catch (UnauthorizedAccessException)
        {
            return "";
        }
    }
}
