using Microsoft.Extensions.Options;
using Workbench.Server.Hosting;

namespace Workbench.Server.Jobs;

/// <summary>Finds the worker program <c>peft.dll</c>: as configured, beside the server, or in the sibling project of a checkout.</summary>
public sealed class WorkerLocator(IOptions<WorkbenchOptions> options)
{
    private const string FileName = "peft.dll";

    public string MissingMessage =>
        $"The worker program {FileName} was not found in {string.Join(" or ", Candidates())}. Build the solution, or set Workbench:WorkerPath to it.";

    /// <summary>Path of the worker, or null.</summary>
    public string? Find() => Candidates().FirstOrDefault(File.Exists);

    private IEnumerable<string> Candidates()
    {
        if (options.Value.WorkerPath.Length > 0)
            return [Path.GetFullPath(options.Value.WorkerPath)];
        var here = AppContext.BaseDirectory;
        // bin/<configuration>/net10.0 of the server and of the worker have the same shape.
        var framework = Path.GetFileName(Path.TrimEndingDirectorySeparator(here));
        var configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(here)) ?? "");
        return
        [
            Path.Combine(here, FileName),
            Path.Combine(here, "worker", FileName),
            Path.Combine(Installation.Root, "Peft.Cli", "bin", configuration, framework, FileName),
            Path.Combine(Installation.Root, "Peft.Cli", "bin", "Release", "net10.0", FileName),
        ];
    }
}
