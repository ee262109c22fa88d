using System.Text.Json;
using Peft.Core;
using Peft.Core.Models;
using Peft.Core.Tokenization;

namespace Workbench.Server.Models;

/// <summary>What a model folder says about itself, and what keeps it from being used.</summary>
internal sealed record ModelFacts(
    string Architecture, long Parameters, string Dtype, long Bytes, ModelReadme Readme, IReadOnlyDictionary<string, string> Config, int VocabularySize, int MaxPositions,
    string? Problem)
{
    /// <summary>What is worth knowing and keeps nobody from using it.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The config, where the engine reads it.</summary>
    public ModelConfig? Read { get; init; }
}

/// <summary>Looks into a Hugging Face folder or a GGUF file without loading weights: config, headers of the weights, README.</summary>
internal static class ModelInspector
{
    private static readonly string[] s_weights = [".safetensors", ".bin", ".gguf"];

    public static ModelFacts Inspect(string path)
    {
        var folder = ModelPlaces.FolderOf(path);
        var readme = ModelReadme.Read(folder);
        var bytes = ModelPlaces.WeightFiles(path, s_weights).Sum(file => ModelPlaces.Size(new FileInfo(file)));
        var fields = Fields(Path.Combine(folder, "config.json"));
        try
        {
            var config = ModelConfig.Load(path);
            var facts = new ModelFacts(
                Architecture(fields, config.ModelType), config.ParameterCount(), config.Dtype ?? "", bytes, readme, fields, config.VocabSize, config.MaxPositionEmbeddings, null)
            { Read = config };
            return facts with { Problem = Weights(path, config), Notes = ModelTaskNotes.Of(path, config) };
        }
        catch (PeftException refused)
        {
            return new ModelFacts(Architecture(fields, fields.GetValueOrDefault("model_type", "")), 0, "", bytes, readme, fields, 0, 0, refused.Message);
        }
    }

    /// <summary>Why the engine cannot load what has just arrived: config and headers of the weights; null when it can.</summary>
    public static string? LoadProblem(string path)
    {
        try
        {
            return Weights(path, ModelConfig.Load(path));
        }
        catch (PeftException refused)
        {
            return refused.Message;
        }
    }

    /// <summary>What keeps the tokenizer or its chat template from being used; null when both are fine.</summary>
    public static string? TokenizerProblem(string path)
    {
        try
        {
            PromptTemplate.Of(PretrainedTokenizer.Load(path));
            return null;
        }
        catch (PeftException refused)
        {
            return refused.Message;
        }
    }

    /// <summary>Of the tokenizer's settings, which a GGUF file carries inside; empty when there is none.</summary>
    public static string ChatTemplate(string path)
    {
        if (!ModelPlaces.IsGguf(path))
            return Fields(Path.Combine(path, "tokenizer_config.json")).GetValueOrDefault("chat_template", "");
        try
        {
            return PretrainedTokenizer.Load(path).Config["chat_template"] is System.Text.Json.Nodes.JsonValue template && template.TryGetValue<string>(out var text) ? text : "";
        }
        catch (PeftException)
        {
            // The card says what is wrong with the tokenizer.
            return "";
        }
    }

    private static string? Weights(string path, ModelConfig config)
    {
        try
        {
            config.CheckWeights(path);
            return null;
        }
        catch (PeftException refused)
        {
            return refused.Message;
        }
    }

    private static string Architecture(IReadOnlyDictionary<string, string> fields, string modelType) =>
        fields.GetValueOrDefault("architectures") is { Length: > 0 } named ? named : modelType;

    /// <summary>The fields of a JSON file as texts; empty when the file is missing or no JSON (which loading it then reports with its place).</summary>
    private static Dictionary<string, string> Fields(string path)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!File.Exists(path))
            return fields;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            foreach (var field in document.RootElement.ValueKind == JsonValueKind.Object ? [.. document.RootElement.EnumerateObject()] : Array.Empty<JsonProperty>())
                fields[field.Name] = Text(field.Value);
        }
        catch (JsonException)
        {
            fields.Clear();
        }

        return fields;
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(Text)),
        _ => value.GetRawText(),
    };
}
