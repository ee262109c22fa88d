using System.Globalization;
using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Prefix;

/// <summary>
/// Settings of prefix-tuning: every attention sees learned keys and values of a few virtual tokens in front of the text; optionally they
/// come out of a small network that is thrown away after training. https://arxiv.org/abs/2101.00190, https://arxiv.org/abs/2110.07602.
/// Field names and defaults are PEFT's.
/// </summary>
public sealed record PrefixTuningConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "PREFIX_TUNING";

    /// <inheritdoc />
    public override PeftPlace Place => PeftPlace.Attention;

    /// <summary>Virtual tokens. PEFT asks for it; default here 20.</summary>
    public int NumVirtualTokens { get; init; } = 20;

    /// <summary>Whether a two-layer network makes the keys and values. Default false.</summary>
    public bool PrefixProjection { get; init; }

    /// <summary>Width of that network; null takes the width of the keys.</summary>
    public int? EncoderHiddenSize { get; init; }

    /// <summary>Modules trained in full beside the prefix and saved with it: the head of a task. A decoder's own modules cannot be chosen.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Features that the JSON asked for and this engine does not have.</summary>
    public IReadOnlyList<string> Unsupported { get; init; } = [];

    /// <summary>Sizes recorded in a saved adapter, to be compared with the base; null when absent.</summary>
    public int? TokenDim { get; init; }

    /// <summary>Number of layers recorded in a saved adapter; null when absent.</summary>
    public int? NumLayers { get; init; }

    private int? NumAttentionHeads { get; init; }

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static PrefixTuningConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        string[] features = ["init_weights"];
        return WithCommon(
            new PrefixTuningConfig
            {
                NumVirtualTokens = reader.Whole("num_virtual_tokens") ?? 20,
                PrefixProjection = reader.Flag("prefix_projection") ?? false,
                EncoderHiddenSize = reader.Whole("encoder_hidden_size"),
                ModulesToSave = reader.Texts("modules_to_save"),
                TokenDim = reader.Whole("token_dim"),
                NumLayers = reader.Whole("num_layers"),
                NumAttentionHeads = reader.Whole("num_attention_heads"),
                Unsupported = [.. features.Where(reader.IsSet)],
            },
            reader);
    }

    /// <summary>Width of one layer's keys: key/value heads times head width.</summary>
    public static int KeyWidth(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.NumKeyValueHeads * model.HeadDim;
    }

    /// <summary>Width of the projecting network on this base.</summary>
    public int HiddenWidth(ModelConfig model) => EncoderHiddenSize ?? KeyWidth(model);

    /// <summary>The config with everything filled in that the base decides, as PEFT saves it.</summary>
    public PrefixTuningConfig FilledFor(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return this with
        {
            EncoderHiddenSize = HiddenWidth(model),
            ModulesToSave = TaskHead.Saved(ModulesToSave, TaskType),
            TokenDim = KeyWidth(model),
            NumLayers = model.NumHiddenLayers,
            NumAttentionHeads = model.NumKeyValueHeads,
        };
    }

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var result = new PeftValidation();
        foreach (var feature in Unsupported)
            result.Error(feature, $"the adapter uses '{feature}', which this version does not compute.");
        if ((ModulesToSave ?? []).Except(TaskHead.Names(TaskType)).ToList() is { Count: > 0 } others)
            result.Error("modules_to_save", $"'{others[0]}' cannot train beside a prefix; the head of the task does by itself.");
        if (model.NumDecoderLayers > model.NumHiddenLayers)
            result.Error("peft_type", $"a prefix has keys and values for {model.NumHiddenLayers} layers, but this base's decoder has {model.NumDecoderLayers}.");
        if (model.ValueHeadDim != model.HeadDim)
            result.Error("peft_type", $"learned keys and values have one width, but on this base keys are {model.HeadDim} wide and values {model.ValueHeadDim}. Use another method.");
        if (NumVirtualTokens < 1)
            result.Error("num_virtual_tokens", $"must be a positive whole number, but is {NumVirtualTokens}.");
        else if (NumVirtualTokens >= model.MaxPositionEmbeddings)
            result.Error("num_virtual_tokens", $"{NumVirtualTokens} virtual tokens leave no room: this base takes {model.MaxPositionEmbeddings} positions.");
        else if (NumVirtualTokens > model.MaxPositionEmbeddings / 4)
            result.Warn("num_virtual_tokens", $"{NumVirtualTokens} virtual tokens take more than a quarter of the {model.MaxPositionEmbeddings} positions.");
        if (EncoderHiddenSize is < 1)
            result.Error("encoder_hidden_size", $"must be a positive whole number, but is {EncoderHiddenSize.Value.ToString(CultureInfo.InvariantCulture)}.");
        if (TokenDim is { } tokenDim && tokenDim != KeyWidth(model))
            result.Error("token_dim", $"the adapter was made for keys of width {tokenDim}, this base has {KeyWidth(model)}.");
        if (NumLayers is { } layers && layers != model.NumHiddenLayers)
            result.Error("num_layers", $"the adapter was made for {layers} layers, this base has {model.NumHiddenLayers}.");
        return result;
    }

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (token, hidden, table) = (KeyWidth(model), HiddenWidth(model), 2L * model.NumHiddenLayers * KeyWidth(model));
        var head = TaskHead.Shapes(model, TaskType, TaskHead.PromptPrefix);
        if (!PrefixProjection)
            return [.. head, new TrainableShape(PrefixEncoder.EmbeddingName, [NumVirtualTokens, table], false)];
        return
        [
            .. head,
            new(PrefixEncoder.EmbeddingName, [NumVirtualTokens, token], false),
            new(PrefixEncoder.FirstWeightName, [hidden, token], false),
            new(PrefixEncoder.FirstBiasName, [hidden], false),
            new(PrefixEncoder.SecondWeightName, [table, hidden], false),
            new(PrefixEncoder.SecondBiasName, [table], false),
        ];
    }

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        fields["encoder_hidden_size"] = EncoderHiddenSize;
        fields["num_attention_heads"] = NumAttentionHeads;
        fields["num_layers"] = NumLayers;
        fields["modules_to_save"] = ModulesToSave is null ? null : new JsonArray([.. ModulesToSave.Select(n => (JsonNode)JsonValue.Create(n))]);
        fields["num_transformer_submodules"] = TaskType == "SEQ_2_SEQ_LM" ? 2 : 1;
        fields["num_virtual_tokens"] = NumVirtualTokens;
        fields["prefix_projection"] = PrefixProjection;
        fields["token_dim"] = TokenDim;
    }
}
