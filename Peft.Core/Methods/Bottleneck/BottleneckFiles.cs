using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Bottleneck;

/// <summary>The files of AdapterHub's library: weights with their config, and the head of a task with its own.</summary>
internal static class BottleneckFiles
{
    public const string Weights = "adapter.safetensors";
    public const string Head = "model_head.safetensors";
    private const string HeadConfig = "head_config.json";

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What an adapter or a head belongs to.</summary>
    public static JsonObject Describe(BaseModel model, string? baseName) => new()
    {
        ["hidden_size"] = model.Config.HiddenSize,
        ["model_class"] = ModelClass(model),
        ["model_name"] = baseName,
        ["model_type"] = model.Config.ModelType,
        ["version"] = BottleneckConfig.Version,
    };

    /// <summary>Writes the config of a task's head.</summary>
    public static void WriteHeadConfig(BaseModel model, string baseName, string folder)
    {
        var json = Describe(model, baseName);
        json["config"] = null;
        json["name"] = null;
        json["label2id"] = Labels(model);
        json["num_labels"] = LabelCount(model);
        File.WriteAllText(Path.Combine(folder, HeadConfig), json.ToJsonString(s_indented));
    }

    /// <summary>The Hugging Face class of the model: the one its config names, as the folder was saved for its task.</summary>
    private static string ModelClass(BaseModel model) =>
        BaseConfig(model)?["architectures"] is JsonArray { Count: > 0 } names ? names[0]!.GetValue<string>() : model.Config.ModelType;

    private static int LabelCount(BaseModel model) => model.Config.Task == ModelTask.QuestionAns ? 2 : model.Config.NumLabels;

    private static JsonObject Labels(BaseModel model)
    {
        if (BaseConfig(model)?["label2id"] is JsonObject { Count: > 0 } named && named.Count == LabelCount(model))
            return named.DeepClone().AsObject();
        var labels = new JsonObject();
        for (var i = 0; i < LabelCount(model); i++)
            labels[$"LABEL_{i}"] = i;
        return labels;
    }

    private static JsonObject? BaseConfig(BaseModel model)
    {
        var file = Path.Combine(model.Folder, "config.json");
        return File.Exists(file) ? JsonNode.Parse(File.ReadAllText(file)) as JsonObject : null;
    }
}
