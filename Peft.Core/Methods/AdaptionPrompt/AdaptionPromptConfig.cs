using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.AdaptionPrompt;

/// <summary>
/// Settings of adaption prompts (LLaMA-Adapter): the attentions of the last layers look at a few learned vectors as well, and what they see
/// there is added through a gate that starts closed. https://arxiv.org/abs/2303.16199. Field names are PEFT's, which asks for both numbers;
/// the defaults here are the paper's prompt length and two layers.
/// </summary>
public sealed record AdaptionPromptConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "ADAPTION_PROMPT";

    /// <summary>Learned vectors per layer. Default 10.</summary>
    public int AdapterLen { get; init; } = 10;

    /// <summary>Layers that get them, counted from the last. Default 2.</summary>
    public int AdapterLayers { get; init; } = 2;

    /// <summary>Last part of the path of the attentions; null takes the architecture's.</summary>
    public string? TargetModules { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static AdaptionPromptConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        return WithCommon(
            new AdaptionPromptConfig
            {
                AdapterLen = reader.Whole("adapter_len") ?? 10,
                AdapterLayers = reader.Whole("adapter_layers") ?? 2,
                TargetModules = reader.Text("target_modules"),
            },
            reader);
    }

    /// <summary>What PEFT calls the attentions of an architecture; null where it has no adaption prompts.</summary>
    public static string? Target(string modelType) => modelType switch
    {
        "llama" or "mistral" => "self_attn",
        "gpt2" => "attn",
        _ => null,
    };

    /// <summary>Numbers of the layers that get a prompt.</summary>
    internal IEnumerable<int> Layers(ModelConfig model) => Enumerable.Range(model.NumHiddenLayers - AdapterLayers, AdapterLayers);

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        if (AdapterLen < 1)
            result.Error("adapter_len", $"must be a positive whole number, but is {AdapterLen.ToString(CultureInfo.InvariantCulture)}.");
        if (AdapterLayers < 1)
            result.Error("adapter_layers", $"must be a positive whole number, but is {AdapterLayers.ToString(CultureInfo.InvariantCulture)}.");
        else if (AdapterLayers > model.NumHiddenLayers)
            result.Error("adapter_layers", $"{AdapterLayers} layers are more than the {model.NumHiddenLayers} of this base.");
        if (Target(model.ModelType) is not { } known)
            result.Error("peft_type", $"adaption prompts exist for llama, mistral and gpt2 bases, not for {model.ModelType}. Choose another method.");
        else if (TargetModules is { } asked && asked != known)
            result.Error("target_modules", $"no attention is called '{asked}'; this base has {known}.");
        if (model.Task != ModelTask.CausalLm)
            result.Error("task_type", "adaption prompts are for language models; the head of another task would not train. Choose another method.");
        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return
        [
            .. Layers(model).SelectMany(layer =>
            {
                var root = TaskHead.TunerPrefix + model.Outline.Attentions[layer];
                return new[]
                {
                    new TrainableShape(root + ".adaption_prompt", [1, AdapterLen, model.HiddenSize], InBase: false),
                    new TrainableShape(root + ".adaption_gate", [1], InBase: false),
                };
            }),
        ];
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        fields["adapter_layers"] = AdapterLayers;
        fields["adapter_len"] = AdapterLen;
        fields["target_modules"] = TargetModules;
    }
}
