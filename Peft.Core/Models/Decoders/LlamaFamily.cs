using Peft.Core.Models.Blocks;

namespace Peft.Core.Models.Decoders;

/// <summary>
/// Configs of the architectures that compute as Llama does but for options; an absent field takes the default of each one's Hugging Face
/// config class.
/// </summary>
public static class LlamaFamily
{
    /// <summary>Llama 1 to 3, and everything published as <c>llama</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Llama(ConfigReader reader)
    {
        var config = Common(reader, "llama", new Defaults { Width = 4096, Heads = 32, Layers = 32, Vocabulary = 32000, Inner = 11008, Positions = 2048 });
        if (config.HiddenAct is not ("silu" or "swish"))
            throw new PeftException($"{reader.Path}: field 'hidden_act' is '{config.HiddenAct}'; a Llama model computes with silu.");
        var bias = reader.Flag("attention_bias", false);
        return config with { QkvBias = bias, OutputBias = bias, MlpBias = reader.Flag("mlp_bias", false) };
    }

    /// <summary>Mistral: every layer in a window. https://arxiv.org/abs/2310.06825</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Mistral(ConfigReader reader)
    {
        var config = Common(reader, "mistral", new Defaults { Width = 4096, Heads = 32, KeyValueHeads = 8, Layers = 32, Vocabulary = 32000, Inner = 14336, Positions = 131072 });
        return config with { Windows = All(config, reader.IsNull("sliding_window") ? 0 : reader.Int("sliding_window", 4096)) };
    }

    /// <summary>Mixtral: a few of several feed-forward layers per token. https://arxiv.org/abs/2401.04088</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Mixtral(ConfigReader reader)
    {
        var config = Common(
            reader,
            "mixtral",
            new Defaults { Width = 4096, Heads = 32, KeyValueHeads = 8, Layers = 32, Vocabulary = 32000, Inner = 14336, Positions = 131072, Theta = 1000000, Epsilon = 1e-5 });
        var (experts, chosen) = (reader.Size("num_local_experts", 8), reader.Size("num_experts_per_tok", 2));
        if (chosen > experts)
            throw new PeftException($"{reader.Path}: num_experts_per_tok ({chosen}) is larger than num_local_experts ({experts}).");
        if (reader.Flag("output_router_logits", false))
            throw new PeftException($"{reader.Path}: field 'output_router_logits' is true; the loss that balances experts is not computed. Set it to false.");
        return config with { Experts = experts, ChosenExperts = chosen, Windows = All(config, reader.Int("sliding_window", 0)) };
    }

    /// <summary>Qwen2 and Qwen2.5: biases on q, k and v. https://arxiv.org/abs/2407.10671</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Qwen2(ConfigReader reader)
    {
        var config = Common(reader, "qwen2", new Defaults { Width = 4096, Heads = 32, KeyValueHeads = 32, Layers = 32, Vocabulary = 151936, Inner = 22016, Positions = 32768 });
        return config with { QkvBias = true, Windows = QwenWindows(reader, config) };
    }

    /// <summary>Qwen3: queries and keys normalised per head. https://arxiv.org/abs/2505.09388</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Qwen3(ConfigReader reader)
    {
        var config = Common(
            reader, "qwen3", new Defaults { Width = 4096, Heads = 32, KeyValueHeads = 32, Layers = 32, Vocabulary = 151936, Inner = 22016, Positions = 32768, HeadDim = 128 });
        var bias = reader.Flag("attention_bias", false);
        return config with { QkvBias = bias, OutputBias = bias, HeadNorm = HeadNorm.BeforeRotation, Windows = QwenWindows(reader, config) };
    }

    /// <summary>Granite: factors on embeddings, residuals, scores and logits. https://arxiv.org/abs/2408.13359</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Granite(ConfigReader reader)
    {
        var config = Common(reader, "granite", new Defaults { Width = 4096, Heads = 32, Layers = 32, Vocabulary = 32000, Inner = 11008, Positions = 2048 });
        var bias = reader.Flag("attention_bias", false);
        return config with
        {
            QkvBias = bias,
            OutputBias = bias,
            MlpBias = reader.Flag("mlp_bias", false),
            EmbeddingMultiplier = reader.Number("embedding_multiplier", 1),
            ResidualMultiplier = reader.Number("residual_multiplier", 1),
            AttentionMultiplier = reader.Number("attention_multiplier", 1),
            LogitsScaling = reader.Number("logits_scaling", 1),
        };
    }

    /// <summary>SmolLM3: some layers do not rotate. https://huggingface.co/HuggingFaceTB/SmolLM3-3B</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig SmolLm3(ConfigReader reader)
    {
        var config = Common(
            reader,
            "smollm3",
            new Defaults { Width = 2048, Heads = 16, KeyValueHeads = 4, Layers = 36, Vocabulary = 128256, Inner = 11008, Positions = 32768, Theta = 2000000, Tied = true });
        var bias = reader.Flag("attention_bias", false);
        var interval = reader.Size("no_rope_layer_interval", 4);
        var rotates = reader.Numbers("no_rope_layers")?.Select(r => r != 0).ToList()
            ?? [.. Enumerable.Range(1, config.NumHiddenLayers).Select(i => i % interval != 0)];
        if (rotates.Count != config.NumHiddenLayers)
            throw new PeftException($"{reader.Path}: field 'no_rope_layers' names {rotates.Count} layers, the model has {config.NumHiddenLayers}.");
        return config with
        {
            QkvBias = bias,
            OutputBias = bias,
            MlpBias = reader.Flag("mlp_bias", false),
            Rotates = rotates,
            Windows = QwenWindows(reader, config),
        };
    }

    /// <summary>ERNIE 4.5 (dense): neighbouring dimensions rotate together. https://huggingface.co/baidu/ERNIE-4.5-0.3B-PT</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Ernie(ConfigReader reader)
    {
        var config = Common(
            reader,
            "ernie4_5",
            new Defaults { Width = 1024, Heads = 16, KeyValueHeads = 2, Layers = 18, Vocabulary = 103424, Inner = 3072, Positions = 131072, HeadDim = 128, Theta = 500000, Tied = true, Epsilon = 1e-5 });
        var bias = reader.Flag("use_bias", false);
        return config with { QkvBias = bias, OutputBias = bias, MlpBias = bias, Interleaved = true };
    }

    /// <summary>Hunyuan (dense): queries and keys normalised per head behind the rotation. https://huggingface.co/tencent/Hunyuan-7B-Instruct</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Hunyuan(ConfigReader reader)
    {
        var config = Common(
            reader, "hunyuan_v1_dense", new Defaults { Width = 4096, Heads = 32, Layers = 32, Vocabulary = 290943, Inner = 11008, Positions = 2048, Epsilon = 1e-5 });
        var bias = reader.Flag("attention_bias", false);
        return config with
        {
            QkvBias = bias, OutputBias = bias, HeadNorm = HeadNorm.AfterRotation, HeadNormNames = ("query_layernorm", "key_layernorm"),
        };
    }

    private static LlamaConfig Common(ConfigReader reader, string modelType, Defaults defaults)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", defaults.Width);
        var heads = reader.Size("num_attention_heads", defaults.Heads);
        var keyValueHeads = reader.IsNull("num_key_value_heads") ? heads : reader.Size("num_key_value_heads", defaults.KeyValueHeads > 0 ? defaults.KeyValueHeads : heads);
        var headDim = reader.IsNull("head_dim") ? width / heads : reader.Size("head_dim", defaults.HeadDim > 0 ? defaults.HeadDim : Math.Max(1, width / heads));
        reader.CheckGroups(heads, keyValueHeads);
        reader.CheckRotary(headDim);
        var positions = reader.Size("max_position_embeddings", defaults.Positions);
        return new LlamaConfig
        {
            ModelType = modelType,
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", defaults.Layers),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            VocabSize = reader.Size("vocab_size", defaults.Vocabulary),
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", defaults.Tied),
            IntermediateSize = reader.Size("intermediate_size", defaults.Inner),
            HiddenAct = Activations.Check(reader.String("hidden_act") ?? "silu", reader, "hidden_act"),
            RmsNormEps = reader.Number("rms_norm_eps", defaults.Epsilon),
            RopeTheta = RopeScaling.Theta(reader, defaults.Theta),
            RopeScaling = RopeScaling.Read(reader, positions),
            QkvBias = false,
            OutputBias = false,
        };
    }

    private static IReadOnlyList<int> All(LlamaConfig config, int window) => [.. Enumerable.Repeat(window, config.NumHiddenLayers)];

    /// <summary>Windows where <c>layer_types</c> says so; without it from <c>max_window_layers</c> on, if windows are in use at all.</summary>
    private static IReadOnlyList<int> QwenWindows(ConfigReader reader, LlamaConfig config)
    {
        var window = reader.Flag("use_sliding_window", false) && !reader.IsNull("sliding_window") ? reader.Int("sliding_window", 4096) : 0;
        var first = reader.Int("max_window_layers", 28);
        var kinds = reader.Strings("layer_types");
        if (kinds is not null && kinds.Count != config.NumHiddenLayers)
            throw new PeftException($"{reader.Path}: field 'layer_types' names {kinds.Count} layers, the model has {config.NumHiddenLayers}.");
        return [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => (kinds is null ? i >= first : kinds[i] == "sliding_attention") ? window : 0)];
    }

    private sealed record Defaults
    {
        public required int Width { get; init; }

        public required int Heads { get; init; }

        public int KeyValueHeads { get; init; }

        public required int Layers { get; init; }

        public required int Vocabulary { get; init; }

        public required int Inner { get; init; }

        public required int Positions { get; init; }

        public int HeadDim { get; init; }

        public double Theta { get; init; } = 10000;

        public double Epsilon { get; init; } = 1e-6;

        public bool Tied { get; init; }
    }
}
