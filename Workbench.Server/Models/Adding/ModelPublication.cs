using Peft.Core;
using Peft.Core.Hub;
using Workbench.Client.Contracts;
using Workbench.Server.Hosting;

namespace Workbench.Server.Models.Adding;

/// <summary>The last steps of a job: looks whether what came is complete and can be loaded, and makes it visible by one rename.</summary>
internal static class ModelPublication
{
    public static bool IsComplete(LiveModelJob job) => job.File.Files.All(file => File.Exists(Path.Combine(job.Files, file.Path)) && new FileInfo(Path.Combine(job.Files, file.Path)).Length == file.Size);

    /// <summary>Why it does not become a model by itself; null when it does.</summary>
    public static string? Problem(LiveModelJob job)
    {
        var missing = job.File.Files.Where(file => job.Received(file) < file.Size || !File.Exists(Path.Combine(job.Files, file.Path))).Select(file => file.Path).ToArray();
        if (missing.Length > 0)
            return $"{missing.Length} files are not complete: {string.Join(", ", missing.Take(5))}.";
        if (ModelPlaces.Find(job.Files) is not { } path)
            return "The files make no model: there is no config.json and no .gguf file at the top.";
        // A message names the place that a person knows, not where the files wait.
        return ModelInspector.LoadProblem(path)?.Replace(job.Files + Path.DirectorySeparatorChar, "", StringComparison.Ordinal).Replace(job.Files, job.File.Model, StringComparison.Ordinal);
    }

    /// <exception cref="PeftException">Something else has the name by now.</exception>
    public static void Publish(LiveModelJob job, DataDirectory data)
    {
        if (job.File.Kind == ModelJobKind.Download)
            new ModelOrigin(job.File.Endpoint, job.File.HubId, job.File.Revision).Write(job.Files);
        var target = SafePath.Under(data.Models, job.File.Model);
        if (Path.Exists(target))
            throw new PeftException($"There is a model '{job.File.Model}' already, or one is on its way. Choose another name.");
        Directory.Move(job.Files, target);
        Directory.Delete(job.Folder, recursive: true);
    }
}
