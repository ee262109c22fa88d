using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Recipes;

/// <summary>What a run can be taken away as.</summary>
public enum RunExportFormat
{
    /// <summary>YAML that <c>peft train</c> repeats.</summary>
    Recipe,

    /// <summary>A Python script for transformers and PEFT.</summary>
    HuggingFace,

    /// <summary>A config for LLaMA-Factory.</summary>
    LlamaFactory,

    /// <summary>Everything that documents the run, with its adapter, as one zip.</summary>
    Bundle,
}

/// <summary>Exports of a run. Needs no tensors.</summary>
public static class RunExport
{
    private static readonly JsonSerializerOptions s_indented = new(RunRequest.Json) { WriteIndented = true };

    /// <summary>File name of an export without a run's name.</summary>
    public static string FileName(RunExportFormat format) => format switch
    {
        RunExportFormat.Recipe => "recipe.yaml",
        RunExportFormat.HuggingFace => "train_peft.py",
        RunExportFormat.LlamaFactory => "llamafactory.yaml",
        _ => "run.zip",
    };

    /// <summary>The text of an export.</summary>
    /// <exception cref="PeftException">The other program cannot do what the run did; the message says what.</exception>
    public static string Text(RunPaths paths, RunExportFormat format)
    {
        ArgumentNullException.ThrowIfNull(paths);
        if (format == RunExportFormat.Recipe)
            return Recipe.Of(paths);
        var request = RunDirectory.ReadRequest(paths);
        if (request.Kind != RunKind.Finetune || !Trains(request))
            throw new PeftException("Only runs that train an adapter can be exported for other programs.");
        var arguments = TrainingArguments.FromJson(request.Training, out _);
        var (model, dataset) = (RunDirectory.Resolve(paths, request.BaseModel), RunDirectory.Resolve(paths, request.Dataset));
        return format == RunExportFormat.HuggingFace ? HuggingFaceScript.Of(request, arguments, model, dataset) : LlamaFactoryRecipe.Of(request, arguments, model, dataset);
    }

    /// <summary>Writes the bundle: order, recipe, hash of the data, seed, versions, metrics, curves, predictions, adapter.</summary>
    /// <param name="paths">The run directory.</param>
    /// <param name="destination">Where the zip goes; stays open.</param>
    public static void Bundle(RunPaths paths, Stream destination)
    {
        ArgumentNullException.ThrowIfNull(paths);
        using var zip = new ZipArchive(destination, ZipArchiveMode.Create, leaveOpen: true, Encoding.UTF8);
        void Text(string name, string text)
        {
            using var stream = zip.CreateEntry(name).Open();
            stream.Write(Encoding.UTF8.GetBytes(text));
        }

        Text("summary.json", Summary(paths).ToJsonString(s_indented) + "\n");
        if (RunDirectory.ReadRequest(paths).Kind == RunKind.Finetune)
            Text("recipe.yaml", Recipe.Of(paths));
        foreach (var file in Files(paths))
        {
            using var target = zip.CreateEntry(Path.GetRelativePath(paths.Root, file).Replace('\\', '/'), CompressionLevel.Fastest).Open();
            using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            source.CopyTo(target);
        }
    }

    /// <summary>What decided the run and what came out, in one object.</summary>
    private static JsonObject Summary(RunPaths paths)
    {
        var request = RunDirectory.ReadRequest(paths);
        var events = File.Exists(paths.Events) ? EffectiveEvents.Of(EventLogReader.ReadAll(paths)) : [];
        JsonNode? Node<T>(T? value) => value is null ? null : JsonSerializer.SerializeToNode(value, RunRequest.Json);
        return new JsonObject
        {
            ["id"] = request.Id,
            ["name"] = request.Name,
            ["state"] = Node(events.OfType<RunStateChanged>().LastOrDefault()),
            ["base_model"] = request.BaseModelName.Length > 0 ? request.BaseModelName : request.BaseModel,
            ["method"] = request.Peft["peft_type"]?.DeepClone(),
            ["task_type"] = request.TaskType,
            ["seed"] = TrainingArguments.FromJson(request.Training, out _).Seed,
            ["data_hash"] = Recipe.DataHash(RunDirectory.Resolve(paths, request.Dataset)),
            ["versions"] = Node(events.OfType<RunModelReady>().LastOrDefault()?.Environment),
            ["trainable"] = events.OfType<RunModelReady>().LastOrDefault()?.Line,
            ["dev"] = Node(events.OfType<RunEvalLoss>().LastOrDefault()),
            ["test"] = Node(events.OfType<RunMetrics>().LastOrDefault()),
        };
    }

    private static IEnumerable<string> Files(RunPaths paths)
    {
        IEnumerable<string> Under(string folder) => Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal) : [];
        return new[] { paths.Request, paths.Events }.Where(File.Exists)
            .Concat(Under(paths.Adapter))
            .Concat(Under(Path.GetDirectoryName(paths.Predictions("test"))!))
            .Concat(Under(paths.TensorBoard));
    }

    private static bool Trains(RunRequest request) => PeftMethodRegistry.TryFind(request.Peft["peft_type"]?.ToString() ?? "") is not null;
}
