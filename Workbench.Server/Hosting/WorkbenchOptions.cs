using Microsoft.Extensions.Options;

namespace Workbench.Server.Hosting;

/// <summary>The section <c>Workbench</c> of appsettings.json; environment variables <c>Workbench__Name</c> win over it.</summary>
public sealed class WorkbenchOptions
{
    public const string Section = "Workbench";

    /// <summary>Where everything is kept; relative paths are relative to the repository (or to the program, when it was published).</summary>
    public string DataDirectory { get; set; } = "data";

    /// <summary>Where the embedded base model and sample datasets lie; relative like <see cref="DataDirectory"/>.</summary>
    public string SamplesDirectory { get; set; } = "samples";

    /// <summary>The worker program (<c>peft.dll</c>); empty = the one built with the server.</summary>
    public string WorkerPath { get; set; } = "";

    /// <summary>Default device of new runs: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; set; } = "cpu";

    /// <summary>How many runs train at the same time.</summary>
    public int ConcurrentRuns { get; set; } = 1;

    /// <summary>Threads of a trainer; 0 = all cores.</summary>
    public int TrainerThreads { get; set; }

    /// <summary>Minutes without a question after which the process that answers them ends and gives its memory back.</summary>
    public int ServeIdleMinutes { get; set; } = 10;

    /// <summary>Where models are downloaded from unless the person chooses another source: an address that speaks Hugging Face's or ModelScope's API.</summary>
    public string HubEndpoint { get; set; } = "https://huggingface.co";

    /// <summary>Host names of other origins that may call API and hubs; empty = only pages that this server served.</summary>
    public IList<string> AllowedOrigins { get; } = [];
}

/// <summary>All problems at once, each with the key to change.</summary>
internal sealed class WorkbenchOptionsValidator : IValidateOptions<WorkbenchOptions>
{
    public ValidateOptionsResult Validate(string? name, WorkbenchOptions options)
    {
        var problems = new List<string>();
        if (string.IsNullOrWhiteSpace(options.DataDirectory))
            problems.Add("Workbench:DataDirectory is empty. Name a folder that may be written to, for example 'data'.");
        if (options.ConcurrentRuns is < 1 or > 64)
            problems.Add($"Workbench:ConcurrentRuns is {options.ConcurrentRuns}. Choose how many runs may train at once, from 1 to 64.");
        if (options.TrainerThreads is < 0 or > 1024)
            problems.Add($"Workbench:TrainerThreads is {options.TrainerThreads}. Choose the threads of a trainer, or 0 for all cores.");
        if (options.ServeIdleMinutes < 1)
            problems.Add($"Workbench:ServeIdleMinutes is {options.ServeIdleMinutes}. Choose a number of minutes from 1.");
        if (options.Device != "cpu" && options.Device != "cuda" && !(options.Device.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(options.Device.AsSpan(5), out _)))
            problems.Add($"Workbench:Device is '{options.Device}'. Choose cpu, cuda or cuda:N.");
        if (options.WorkerPath.Length > 0 && !File.Exists(options.WorkerPath))
            problems.Add($"Workbench:WorkerPath names '{options.WorkerPath}', which does not exist. Leave it empty to use the worker that was built with the server.");
        try
        {
            Peft.Core.Hub.HubEndpoint.Parse(options.HubEndpoint);
        }
        catch (Peft.Core.PeftException refusal)
        {
            problems.Add($"Workbench:HubEndpoint: {refusal.Message}");
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
