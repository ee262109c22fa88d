using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>A tensor that a method trains, known from configs alone.</summary>
/// <param name="Name">Name in memory, without the adapter's own name.</param>
/// <param name="Shape">Sizes.</param>
/// <param name="InBase">True when it is a parameter of the base itself, so that it adds nothing to the number of all parameters.</param>
public sealed record TrainableShape(string Name, IReadOnlyList<long> Shape, bool InBase)
{
    /// <summary>True when it is a copy of a parameter of the base that trains in its place.</summary>
    public bool Replaces { get; init; }

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>Where what a method adds acts, for tensors whose name does not say it by the path of a module.</summary>
public enum PeftPlace
{
    /// <summary>In front of the text, at the input embedding.</summary>
    Input,

    /// <summary>In front of the text in every attention.</summary>
    Attention,
}

/// <summary>
/// The settings of a method, with Hugging Face's field names and defaults in JSON (<c>adapter_config.json</c>). Unknown fields are
/// tolerated when reading; what a newer feature asks for and this engine lacks is refused by <see cref="Validate"/>.
/// </summary>
public abstract record PeftConfig
{
    /// <summary>Name of the file in an adapter folder.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>Method name in the registry, e.g. <c>LORA</c>.</summary>
    public abstract string PeftType { get; }

    /// <summary>Where those of its tensors act that belong to no module.</summary>
    public virtual PeftPlace Place => PeftPlace.Input;

    /// <summary>Kind of task, e.g. <c>CAUSAL_LM</c>.</summary>
    public string? TaskType { get; init; } = "CAUSAL_LM";

    /// <summary>Name or folder of the base the adapter belongs to.</summary>
    public string? BaseModelNameOrPath { get; init; }

    /// <summary>Revision of the base, if it came from a hub.</summary>
    public string? Revision { get; init; }

    /// <summary>Reads a config of any registered method.</summary>
    /// <exception cref="PeftException">Missing or unknown <c>peft_type</c>, or a field of the wrong kind.</exception>
    public static PeftConfig FromJson(JsonObject json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var type = new PeftJson(json).Text("peft_type")
            ?? PeftMethodRegistry.All.FirstOrDefault(m => m.Recognises(json))?.Name
            ?? throw new PeftException($"Field 'peft_type' is missing; known methods: {PeftMethodRegistry.Names}.");
        return PeftMethodRegistry.Find(type).ReadConfig(json);
    }

    /// <summary>Reads <c>adapter_config.json</c> of an adapter folder.</summary>
    /// <exception cref="PeftException">Missing file, no JSON, or unusable fields; names the file.</exception>
    public static PeftConfig Load(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw new PeftException($"{path}: file not found; an adapter is a folder with {FileName} and its weights.");
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) is JsonObject json
                ? FromJson(json)
                : throw new PeftException("is no JSON object.");
        }
        catch (Exception error) when (error is JsonException or PeftException)
        {
            throw new PeftException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>The fields as PEFT writes them, nulls included, keys sorted.</summary>
    public JsonObject ToJson()
    {
        var fields = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal)
        {
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = BaseModelNameOrPath,
            ["inference_mode"] = true,
            ["peft_type"] = PeftType,
            ["revision"] = Revision,
            ["task_type"] = TaskType,
        };
        WriteFields(fields);
        var json = new JsonObject();
        foreach (var (name, value) in fields)
            json[name] = value;
        return json;
    }

    /// <summary>What is written into an adapter's folder: <see cref="ToJson"/>, unless the method keeps to another library's format.</summary>
    internal virtual JsonObject SavedJson(BaseModel model) => ToJson();

    /// <summary>Checks every setting against a base model and reports all problems and warnings together.</summary>
    public abstract PeftValidation Validate(ModelConfig model);

    /// <summary>What the method would train on this base, in the order of creation. Needs no tensors. The config should be valid.</summary>
    public abstract IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model);

    /// <summary>The trainable line's numbers for this base.</summary>
    public virtual ParameterCount Count(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var shapes = TrainableShapes(model);
        return new ParameterCount(shapes.Sum(s => s.Count), model.ParameterCount() + shapes.Where(s => !s.InBase).Sum(s => s.Count));
    }

    /// <summary>Writes the method's own fields.</summary>
    protected abstract void WriteFields(IDictionary<string, JsonNode?> fields);

    /// <summary>The common fields, for a method's reader.</summary>
    protected static T WithCommon<T>(T config, PeftJson json)
        where T : PeftConfig
    {
        ArgumentNullException.ThrowIfNull(json);
        return config with
        {
            TaskType = json.Text("task_type") ?? config.TaskType,
            BaseModelNameOrPath = json.Text("base_model_name_or_path"),
            Revision = json.Text("revision"),
        };
    }
}
