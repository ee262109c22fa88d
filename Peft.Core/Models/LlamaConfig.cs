using Peft.Core.Models.Blocks;
using Peft.Core.Tensors;

namespace Peft.Core.Models;

/// <summary>Config of the Llama architecture; an absent field takes the default of Hugging Face's <c>LlamaConfig</c>.</summary>
public sealed record LlamaConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Activation of the gate: <c>silu</c>.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether q, k, v and o have biases.</summary>
    public required bool AttentionBias { get; init; }

    /// <summary>Whether gate, up and down have biases.</summary>
    public required bool MlpBias { get; init; }

    /// <inheritdoc />
    public override string EmbeddingPath => "model.embed_tokens";

    /// <inheritdoc />
    public override string HeadPath => "lm_head";

    /// <inheritdoc />
    public override string LayersName => "layers";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var hidden = reader.Size("hidden_size", 4096);
        var heads = reader.Size("num_attention_heads", 32);
        var keyValueHeads = reader.Size("num_key_value_heads", heads);
        var headDim = reader.Size("head_dim", Math.Max(1, hidden / heads));
        if (heads % keyValueHeads != 0)
            throw new PeftException($"{reader.Path}: num_attention_heads ({heads}) is no multiple of num_key_value_heads ({keyValueHeads}).");
        if (headDim % 2 != 0)
            throw new PeftException($"{reader.Path}: head_dim is {headDim}; rotary positions need an even one.");
        var act = reader.String("hidden_act") ?? "silu";
        if (act is not ("silu" or "swish"))
            throw new PeftException($"{reader.Path}: field 'hidden_act' is '{act}'; a Llama model computes with silu.");
        var eos = reader.Ids("eos_token_id");
        return new LlamaConfig
        {
            ModelType = "llama",
            HiddenSize = hidden,
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            VocabSize = reader.Size("vocab_size", 32000),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            Dtype = reader.String("dtype") ?? reader.String("torch_dtype"),
            PadTokenId = reader.Ids("pad_token_id") is [var pad, ..] ? pad : null,
            BosTokenId = reader.Ids("bos_token_id") is [var bos, ..] ? bos : null,
            EosTokenIds = eos,
            IntermediateSize = reader.Size("intermediate_size", 11008),
            HiddenAct = act,
            RmsNormEps = reader.Number("rms_norm_eps", 1e-6),
            RopeTheta = reader.Number("rope_theta", 10000),
            RopeScaling = ReadScaling(reader),
            AttentionBias = reader.Flag("attention_bias", false),
            MlpBias = reader.Flag("mlp_bias", false),
        };
    }

    /// <inheritdoc />
    public override IReadOnlyList<ParameterShape> Parameters()
    {
        var list = new List<ParameterShape> { new("model.embed_tokens.weight", [VocabSize, HiddenSize]) };
        for (var i = 0; i < NumHiddenLayers; i++)
        {
            foreach (var linear in LayerLinears(i))
            {
                list.Add(new ParameterShape(linear.Path + ".weight", [linear.OutFeatures, linear.InFeatures]));
                if (linear.HasBias)
                    list.Add(new ParameterShape(linear.Path + ".bias", [linear.OutFeatures]));
            }

            list.Add(new ParameterShape($"model.layers.{i}.input_layernorm.weight", [HiddenSize]));
            list.Add(new ParameterShape($"model.layers.{i}.post_attention_layernorm.weight", [HiddenSize]));
        }

        list.Add(new ParameterShape("model.norm.weight", [HiddenSize]));
        if (!TieWordEmbeddings)
            list.Add(new ParameterShape("lm_head.weight", [VocabSize, HiddenSize]));
        return list;
    }

    /// <inheritdoc />
    public override IReadOnlyList<LinearShape> Linears() => [.. Enumerable.Range(0, NumHiddenLayers).SelectMany(LayerLinears)];

    private LinearShape[] LayerLinears(int layer)
    {
        var (attention, mlp) = ($"model.layers.{layer}.self_attn.", $"model.layers.{layer}.mlp.");
        var (queryWidth, keyWidth) = (NumAttentionHeads * HeadDim, NumKeyValueHeads * HeadDim);
        return
        [
            new(attention + "q_proj", HiddenSize, queryWidth, AttentionBias),
            new(attention + "k_proj", HiddenSize, keyWidth, AttentionBias),
            new(attention + "v_proj", HiddenSize, keyWidth, AttentionBias),
            new(attention + "o_proj", queryWidth, HiddenSize, AttentionBias),
            new(mlp + "gate_proj", HiddenSize, IntermediateSize, MlpBias),
            new(mlp + "up_proj", HiddenSize, IntermediateSize, MlpBias),
            new(mlp + "down_proj", IntermediateSize, HiddenSize, MlpBias),
        ];
    }

    private static RopeScaling ReadScaling(ConfigReader reader)
    {
        if (reader.Object("rope_scaling") is not { } scaling)
            return RopeScaling.None;
        var type = scaling.String("rope_type") ?? scaling.String("type") ?? "default";
        return type switch
        {
            "default" => RopeScaling.None,
            "linear" => RopeScaling.None with { Type = "linear", Factor = scaling.Number("factor", 1) },
            "llama3" => new RopeScaling(
                "llama3",
                scaling.Number("factor", 8),
                scaling.Number("low_freq_factor", 1),
                scaling.Number("high_freq_factor", 4),
                scaling.Size("original_max_position_embeddings", 8192)),
            _ => throw new PeftException($"{reader.Path}: rope_scaling of type '{type}' is not supported; supported are default, linear and llama3."),
        };
    }
}
