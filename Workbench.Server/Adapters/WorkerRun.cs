using System.Diagnostics;
using System.Text.Json;
using Peft.Core;
using Workbench.Server.Jobs;

namespace Workbench.Server.Adapters;

/// <summary>Runs a command of the worker to its end and hands its JSON lines on. Giving up ends the process.</summary>
internal static class WorkerRun
{
    /// <exception cref="PeftException">The worker is missing, or refused; the message is what it said.</exception>
    public static async Task RunAsync(WorkerLocator worker, IReadOnlyList<string> arguments, Action<JsonElement> onLine, CancellationToken cancel)
    {
        var program = worker.Find() ?? throw new PeftException(worker.MissingMessage);
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Remove("ASPNETCORE_URLS");
        using var process = Process.Start(start) ?? throw new PeftException($"{program} could not be started.");
        process.StandardInput.Close();
        var complaints = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
            {
                if (line.StartsWith('{'))
                    onLine(JsonSerializer.Deserialize<JsonElement>(line));
            }

            await process.WaitForExitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }

        if (process.ExitCode != 0)
            throw new PeftException(Reason(await complaints, process.ExitCode));
    }

    private static string Reason(string complaints, int code)
    {
        const string Mark = "peft: ";
        var at = complaints.IndexOf(Mark, StringComparison.Ordinal);
        return at >= 0 ? complaints[(at + Mark.Length)..].Trim()
            : complaints.Trim() is { Length: > 0 } said ? said
            : $"The worker ended with code {code} and without a message. It may have been killed for want of memory.";
    }
}
