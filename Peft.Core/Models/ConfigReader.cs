using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Serialization.Gguf;

namespace Peft.Core.Models;

/// <summary>Reads typed fields of a <c>config.json</c>; a field of the wrong kind is an error that names file and field.</summary>
public sealed class ConfigReader
{
    private const int MostLayers = 1000;
    private const int MostExperts = 1024;
    private const int MostLabels = 1 << 16;
    private const int LargestSize = 1 << 24;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    private readonly JsonObject json;

    private ConfigReader(string path, JsonObject json)
    {
        Path = path;
        this.json = json;
    }

    /// <summary>The file, for messages.</summary>
    public string Path { get; }

    /// <summary>Opens <c>config.json</c> of a Hugging Face folder, or what a GGUF file says in its place.</summary>
    /// <exception cref="PeftException">The folder or file is missing or no JSON object.</exception>
    public static ConfigReader Open(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (GgufHeader.Find(folder) is { } gguf)
            return From(gguf, GgufArchitecture.Config(GgufHeader.Read(gguf)));
        var path = System.IO.Path.Combine(folder, "config.json");
        if (!File.Exists(path))
            throw new PeftException($"{path}: file not found; a base model is a folder with config.json, model.safetensors (or pytorch_model.bin) and tokenizer.json, or a .gguf file.");
        try
        {
            if (JsonNode.Parse(File.ReadAllText(path), documentOptions: s_strict) is not JsonObject json)
                throw new PeftException($"{path}: is no JSON object.");
            _ = json.ToJsonString(); // visits every text, so that broken ones show here and not in the middle of reading
            return new ConfigReader(path, json);
        }
        catch (InvalidOperationException error)
        {
            throw new PeftException($"{path}: holds a text that is no valid Unicode: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: cannot be read: {error.Message}", error);
        }
        catch (JsonException error)
        {
            throw new PeftException($"{path}: is no valid JSON: {error.Message}", error);
        }
    }

    /// <summary>Reads fields that stand elsewhere than in a file of their own.</summary>
    /// <param name="source">Where they stand, for messages.</param>
    /// <param name="json">The fields.</param>
    public static ConfigReader From(string source, JsonObject json) => new(source, json);

    /// <summary>The string field, or null when absent.</summary>
    public string? String(string field) => Value<string>(field);

    /// <summary>The whole number field, or the default when absent.</summary>
    public int Int(string field, int absent) => Value<int?>(field) ?? absent;

    /// <summary>The number field, or the default when absent.</summary>
    public double Number(string field, double absent) => Value<double?>(field) ?? absent;

    /// <summary>The number field, or null when absent.</summary>
    public double? NumberOrNull(string field) => Value<double?>(field);

    /// <summary>The yes/no field, or the default when absent.</summary>
    public bool Flag(string field, bool absent) => Value<bool?>(field) ?? absent;

    /// <summary>A nested object, or null when absent.</summary>
    public ConfigReader? Object(string field) => json[field] switch
    {
        null => null,
        JsonObject nested => new ConfigReader(Path, nested),
        _ => throw new PeftException($"{Path}: field '{field}' should be an object."),
    };

    /// <summary>The token ids of a field that may be one number or a list; empty when absent.</summary>
    public IReadOnlyList<int> Ids(string field) => json[field] switch
    {
        null => [],
        JsonArray many => [.. many.Select(n => Convert<int>(field, n))],
        var one => [Convert<int>(field, one)],
    };

    /// <summary>A positive size. What no model comes near is taken for damage, before anything is built from it.</summary>
    /// <exception cref="PeftException">Zero, negative or absurdly large.</exception>
    public int Size(string field, int absent)
    {
        ArgumentNullException.ThrowIfNull(field);
        var value = Int(field, absent);
        var most = field.Contains("layer", StringComparison.Ordinal) ? MostLayers
            : field.Contains("expert", StringComparison.Ordinal) ? MostExperts
            : field == "num_labels" ? MostLabels
            : LargestSize;
        return value <= 0 ? throw new PeftException($"{Path}: field '{field}' is {value}, it must be positive.")
            : value > most ? throw new PeftException($"{Path}: field '{field}' is {value}; no model has more than {most}.")
            : value;
    }

    /// <summary>The number of labels: <c>num_labels</c>, or how many <c>id2label</c> names, or 2.</summary>
    public int Labels() => json["id2label"] is JsonObject { Count: > 0 } labels ? labels.Count : Size("num_labels", 2);

    /// <summary>A list of numbers, or null when absent.</summary>
    public IReadOnlyList<double>? Numbers(string field) => json[field] switch
    {
        null => null,
        JsonArray many => [.. many.Select(n => Convert<double>(field, n))],
        _ => throw new PeftException($"{Path}: field '{field}' should be a list."),
    };

    /// <summary>Whether the field is there and null.</summary>
    public bool IsNull(string field) => json.ContainsKey(field) && json[field] is null;

    /// <summary>Whether the file has the field, null or not.</summary>
    public bool Has(string field) => json.ContainsKey(field);

    /// <summary>A list of texts, or null when absent.</summary>
    public IReadOnlyList<string>? Strings(string field) => json[field] switch
    {
        null => null,
        JsonArray many => [.. many.Select(n => Convert<string>(field, n)!)],
        _ => throw new PeftException($"{Path}: field '{field}' should be a list."),
    };

    /// <summary>
    /// A kind per layer from GPT-Neo's notation [[[kind, …], times], …]; absent repeats the default to the last layer.
    /// </summary>
    /// <exception cref="PeftException">Another shape, or not one kind per layer.</exception>
    public IReadOnlyList<string> Pattern(string field, int layers, IReadOnlyList<string> absent)
    {
        ArgumentNullException.ThrowIfNull(absent);
        if (json[field] is null)
            return [.. Enumerable.Range(0, layers).Select(i => absent[i % absent.Count])];
        var kinds = new List<string>();
        foreach (var part in json[field] as JsonArray ?? [])
        {
            if (part is not JsonArray { Count: 2 } pair || pair[0] is not JsonArray names)
                throw new PeftException($"{Path}: field '{field}' should be a list of [[kinds], times].");
            var times = Convert<int>(field, pair[1]);
            for (var i = 0; i < times && kinds.Count <= layers; i++)
                kinds.AddRange(names.Select(n => Convert<string>(field, n)!));
        }

        return kinds.Count == layers ? kinds : throw new PeftException($"{Path}: field '{field}' names {kinds.Count} layers, the model has {layers}.");
    }

    /// <summary>Checks that heads of equal width fill the width.</summary>
    /// <exception cref="PeftException">They do not.</exception>
    public void CheckHeads(int width, int heads)
    {
        if (width % heads != 0)
            throw new PeftException($"{Path}: the width ({width}) is no multiple of the number of attention heads ({heads}).");
    }

    /// <summary>Checks that query heads can share the key/value heads.</summary>
    /// <exception cref="PeftException">They cannot.</exception>
    public void CheckGroups(int heads, int keyValueHeads)
    {
        if (heads % keyValueHeads != 0)
            throw new PeftException($"{Path}: num_attention_heads ({heads}) is no multiple of num_key_value_heads ({keyValueHeads}).");
    }

    /// <summary>Checks that rotary positions can turn a head of that width.</summary>
    /// <exception cref="PeftException">They cannot.</exception>
    public void CheckRotary(int headDim)
    {
        if (headDim % 2 != 0)
            throw new PeftException($"{Path}: head_dim is {headDim}; rotary positions need an even one.");
    }

    private T? Value<T>(string field) => json[field] is { } node ? Convert<T>(field, node) : default;

    private T? Convert<T>(string field, JsonNode? node)
    {
        try
        {
            return node is null ? default : node.GetValue<T>();
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException)
        {
            throw new PeftException($"{Path}: field '{field}' has an unusable value: {node!.ToJsonString()}.", error);
        }
    }
}
