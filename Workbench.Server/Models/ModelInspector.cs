using System.Text.Json;
using Peft.Core;
using Peft.Core.Models;
using Peft.Core.Tokenization;

namespace Workbench.Server.Models;

/// <summary>What a model folder says about itself, and what keeps it from being used.</summary>
internal sealed record ModelFacts(
    string Architecture, long Parameters, string Dtype, long Bytes, ModelReadme Readme, IReadOnlyDictionary<string, string> Config, int VocabularySize, int MaxPositions,
    string? Problem);

/// <summary>Looks into a Hugging Face folder without loading weights: config, headers of the weights, README.</summary>
internal static class ModelInspector
{
    private static readonly string[] s_weights = ["*.safetensors", "pytorch_model*.bin", "*.gguf"];

    public static ModelFacts Inspect(string folder)
    {
        var readme = ModelReadme.Read(folder);
        var bytes = s_weights.SelectMany(pattern => Directory.EnumerateFiles(folder, pattern)).Sum(file => new FileInfo(file).Length);
        var fields = Fields(Path.Combine(folder, "config.json"));
        try
        {
            var config = ModelConfig.Load(folder);
            var dtype = config.Dtype ?? "";
            var facts = new ModelFacts(
                Architecture(fields, config.ModelType), config.ParameterCount(), dtype, bytes, readme, fields, config.VocabSize, config.MaxPositionEmbeddings, null);
            return facts with { Problem = Untrainable(folder, config) ?? Weights(folder, config) };
        }
        catch (PeftException refused)
        {
            return new ModelFacts(Architecture(fields, fields.GetValueOrDefault("model_type", "")), 0, "", bytes, readme, fields, 0, 0, refused.Message);
        }
    }

    /// <summary>What keeps the tokenizer or its chat template from being used; null when both are fine.</summary>
    public static string? TokenizerProblem(string folder)
    {
        try
        {
            PromptTemplate.Of(PretrainedTokenizer.Load(folder));
            return null;
        }
        catch (PeftException refused)
        {
            return refused.Message;
        }
    }

    public static string ChatTemplate(string folder)
    {
        var path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path) && TokenizerProblem(folder) is null && Directory.EnumerateFiles(folder, "*.gguf").Any())
            return PretrainedTokenizer.Load(folder).Config["chat_template"]?.GetValue<string>() ?? "";
        return Fields(path).GetValueOrDefault("chat_template", "");
    }

    /// <summary>Runs train what predicts the next token; other kinds are computed by the engine, but no run knows their batches.</summary>
    private static string? Untrainable(string folder, ModelConfig config) => config.Task == ModelTask.CausalLm
        ? null
        : $"{folder}: architecture '{config.ModelType}' is for {config.Task.Name()}; runs train decoders (CAUSAL_LM) only.";

    private static string? Weights(string folder, ModelConfig config)
    {
        try
        {
            config.CheckWeights(folder);
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
