using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods;

/// <summary>What all methods that put learned vectors in front of the text have in common. Field names and defaults are PEFT's.</summary>
public abstract record SoftPromptConfig : PeftConfig
{
    /// <summary>Virtual tokens. PEFT asks for it; default here 20.</summary>
    public int NumVirtualTokens { get; init; } = 20;

    /// <summary>Modules trained in full beside the prompt and saved with it: the head of a task. A base's own modules cannot be chosen.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Width recorded in a saved adapter, to be compared with the base; null when absent.</summary>
    public int? TokenDim { get; init; }

    /// <summary>Number of layers recorded in a saved adapter; null when absent.</summary>
    public int? NumLayers { get; init; }

    /// <summary>Number of heads recorded in a saved adapter; null when absent.</summary>
    public int? NumAttentionHeads { get; init; }

    /// <summary>Rows of the table: PEFT keeps a second set for the decoder of an encoder-decoder, which only some methods use.</summary>
    public int TableRows => NumVirtualTokens * (TaskType == "SEQ_2_SEQ_LM" ? 2 : 1);

    /// <summary>Width of a virtual token on a base: that of its input embedding.</summary>
    public static int Width(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Outline.Embeddings[0].OutFeatures;
    }

    /// <summary>The config with everything filled in that the base decides, as PEFT saves it.</summary>
    public virtual SoftPromptConfig FilledFor(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return this with
        {
            TokenDim = Width(model),
            NumLayers = model.NumHiddenLayers,
            NumAttentionHeads = model.NumAttentionHeads,
            ModulesToSave = TaskHead.Saved(ModulesToSave, TaskType),
        };
    }

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        if (NumVirtualTokens < 1)
            result.Error("num_virtual_tokens", $"must be a positive whole number, but is {NumVirtualTokens}.");
        else if (NumVirtualTokens >= model.MaxPositionEmbeddings)
            result.Error("num_virtual_tokens", $"{NumVirtualTokens} virtual tokens leave no room: this base takes {model.MaxPositionEmbeddings} positions.");
        else if (NumVirtualTokens > model.MaxPositionEmbeddings / 4)
            result.Warn("num_virtual_tokens", $"{NumVirtualTokens} virtual tokens take more than a quarter of the {model.MaxPositionEmbeddings} positions.");
        if (!model.TakesVirtualTokens)
            result.Error("peft_type", $"a {model.ModelType} base counts positions from marks inside the text, so nothing can stand in front of it. Choose another method.");
        if (TokenDim is { } tokenDim && tokenDim != Width(model))
            result.Error("token_dim", $"the adapter was made for vectors of width {tokenDim}, this base has {Width(model)}.");
        if (NumLayers is { } layers && layers != model.NumHiddenLayers)
            result.Error("num_layers", $"the adapter was made for {layers} layers, this base has {model.NumHiddenLayers}.");
        if ((ModulesToSave ?? []).Except(TaskHead.Names(TaskType)).ToList() is { Count: > 0 } others)
            result.Error("modules_to_save", $"'{others[0]}' cannot train beside a prompt; the head of the task does by itself.");
        ValidateOwn(model, result);
        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model) =>
        [.. TaskHead.Shapes(model, TaskType, TaskHead.PromptPrefix), .. PromptShapes(model)];

    /// <summary>The common fields, for a method's reader.</summary>
    protected static T WithPrompt<T>(T config, PeftJson json)
        where T : SoftPromptConfig
    {
        ArgumentNullException.ThrowIfNull(json);
        return WithCommon(
            config with
            {
                NumVirtualTokens = json.Whole("num_virtual_tokens") ?? 20,
                ModulesToSave = json.Texts("modules_to_save"),
                TokenDim = json.Whole("token_dim"),
                NumLayers = json.Whole("num_layers"),
                NumAttentionHeads = json.Whole("num_attention_heads"),
            },
            json);
    }

    /// <summary>Shapes of what makes the prompt.</summary>
    protected abstract IEnumerable<TrainableShape> PromptShapes(ModelConfig model);

    /// <summary>Checks the method's own settings.</summary>
    protected abstract void ValidateOwn(ModelConfig model, PeftValidation result);

    /// <summary>Checks a size.</summary>
    protected static void CheckSize(string field, int? value, PeftValidation result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (value is < 1)
            result.Error(field, $"must be a positive whole number, but is {value.Value.ToString(CultureInfo.InvariantCulture)}.");
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        fields["modules_to_save"] = ModulesToSave is null ? null : new JsonArray([.. ModulesToSave.Select(n => (JsonNode)JsonValue.Create(n))]);
        fields["num_attention_heads"] = NumAttentionHeads;
        fields["num_layers"] = NumLayers;
        fields["num_transformer_submodules"] = TaskType == "SEQ_2_SEQ_LM" ? 2 : 1;
        fields["num_virtual_tokens"] = NumVirtualTokens;
        fields["token_dim"] = TokenDim;
    }
}
