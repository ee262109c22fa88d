using Peft.Core.Runs;

namespace Workbench.Server.Hosting;

/// <summary>Where the server keeps everything. Paths in files and rows are relative to <see cref="Root"/>.</summary>
public sealed record DataDirectory(string Root)
{
    public string Database => Path.Combine(Root, "workbench.db");

    public string Logs => Path.Combine(Root, "logs");

    public string Runs => Path.Combine(Root, "runs");

    public string Datasets => Path.Combine(Root, "datasets");

    public string Models => Path.Combine(Root, "models");

    /// <summary>Texts that were sent to make bases from.</summary>
    public string Corpora => Path.Combine(Root, "corpora");

    /// <summary>Models on their way here: on the same disk as the models, so that the last step is a rename.</summary>
    public string IncomingModels => Path.Combine(Models, ".incoming");

    /// <summary>Adapters that no run made.</summary>
    public string Adapters => Path.Combine(Root, "adapters");

    /// <summary>Adapters, models and files in the making; on the same disk, so that the last step is a rename.</summary>
    public string AdapterWork => Path.Combine(Adapters, ".work");

    /// <summary>Access tokens that a person asked to keep; readable by the server's user alone.</summary>
    public string HubTokens => Path.Combine(Root, "hub-tokens.json");

    /// <summary>What was deleted and is about to go; on the same disk, so that moving there is one step.</summary>
    public string Trash => Path.Combine(Root, "trash");

    public RunPaths Run(string id) => new(Path.Combine(Runs, id));

    /// <summary>The path to open for a path that is relative to the data directory (or absolute).</summary>
    public string Resolve(string path) => Path.GetFullPath(Path.Combine(Root, path));

    /// <summary>Makes the directory and its parts. Fails with the path when the place is not writable.</summary>
    public void Prepare()
    {
        foreach (var folder in new[] { Root, Logs, Runs, Datasets, Models, IncomingModels, Corpora, Adapters, AdapterWork, Trash })
            Directory.CreateDirectory(folder);
    }
}
