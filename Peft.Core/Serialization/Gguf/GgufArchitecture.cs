using System.Buffers.Binary;
using System.Text.Json.Nodes;

namespace Peft.Core.Serialization.Gguf;

/// <summary>What a GGUF file's metadata say about the architecture, as the fields of a Hugging Face <c>config.json</c>.</summary>
internal sealed class GgufArchitecture
{
    /// <summary>llama.cpp writes Mistral as Llama.</summary>
    private const string Mistral = "mistral";

    private static readonly Dictionary<string, string> s_known = new(StringComparer.Ordinal)
    {
        ["llama"] = "llama", ["qwen2"] = "qwen2", ["qwen3"] = "qwen3", ["gemma3"] = "gemma3_text", ["phi3"] = "phi3",
    };

    private readonly GgufHeader header;
    private readonly GgufMetadata values;
    private readonly string name;

    private GgufArchitecture(GgufHeader header)
    {
        this.header = header;
        values = header.Metadata;
        name = values.Text("general.architecture") ?? throw new PeftException($"{header.Path}: 'general.architecture' is missing.");
        if (!s_known.ContainsKey(name))
            throw new PeftException($"{header.Path}: general.architecture '{name}' cannot be read from GGUF files; possible are {string.Join(", ", s_known.Keys)}.");
        if (values.Whole("split.count") is > 1 and var parts)
            throw new PeftException($"{header.Path}: is one of {parts} parts. Join them first (gguf-split --merge).");
        if (Whole("expert_count") is > 0 and var experts)
            throw new PeftException($"{header.Path}: {name}.expert_count is {experts}; mixtures of experts cannot be read from GGUF files.");
    }

    /// <summary>Hugging Face names of the architectures that have a GGUF form, for messages.</summary>
    public static string KnownModels => string.Join(", ", s_known.Values.Append(Mistral));

    /// <summary>llama.cpp's name for a <c>model_type</c>; null where it has none here.</summary>
    public static string? NameFor(string modelType) => modelType == Mistral ? "llama" : s_known.FirstOrDefault(pair => pair.Value == modelType).Key;

    /// <summary>llama.cpp's name of the architecture in a file, checked.</summary>
    public static string NameOf(GgufHeader header) => new GgufArchitecture(header).name;

    /// <summary>Query heads of a file.</summary>
    public static (int Heads, int KeyValueHeads) HeadsOf(GgufHeader header)
    {
        var read = new GgufArchitecture(header);
        return (read.Needed("attention.head_count"), read.Whole("attention.head_count_kv") ?? read.Needed("attention.head_count"));
    }

    /// <summary>The config of a file.</summary>
    /// <exception cref="PeftException">An architecture that cannot be read, or an entry that is missing or unusable; names file and key.</exception>
    public static JsonObject Config(GgufHeader header) => new GgufArchitecture(header).Config();

    private JsonObject Config()
    {
        var (width, heads) = (Needed("embedding_length"), Needed("attention.head_count"));
        if (heads < 1)
            throw new PeftException($"{header.Path}: {name}.attention.head_count is {heads}.");
        var head = Whole("attention.key_length") ?? width / heads;
        if (Whole("attention.value_length") is { } values && values != head)
            throw new PeftException($"{header.Path}: {name}.attention.value_length ({values}) differs from key_length ({head}), which is not supported.");
        var embedding = header.Tensors.GetValueOrDefault("token_embd.weight") ?? throw new PeftException($"{header.Path}: tensor 'token_embd.weight' is missing.");
        var config = new JsonObject
        {
            ["model_type"] = s_known[name],
            ["hidden_size"] = width,
            ["intermediate_size"] = Needed("feed_forward_length"),
            ["num_hidden_layers"] = Needed("block_count"),
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = Whole("attention.head_count_kv") ?? heads,
            ["head_dim"] = head,
            ["vocab_size"] = embedding.Shape.Count == 2 ? embedding.Shape[0] : throw new PeftException($"{header.Path}: tensor 'token_embd.weight' is no table."),
            ["max_position_embeddings"] = Needed("context_length"),
            ["rms_norm_eps"] = Number("attention.layer_norm_rms_epsilon") ?? throw new PeftException($"{header.Path}: '{name}.attention.layer_norm_rms_epsilon' is missing."),
            ["rope_theta"] = Number("rope.freq_base") ?? (name == "gemma3" ? 1_000_000 : 10_000),
            ["tie_word_embeddings"] = !header.Tensors.ContainsKey("output.weight"),
            ["dtype"] = embedding.Type.Name switch { "BF16" => "bfloat16", "F16" => "float16", _ => "float32" },
        };
        AddScaling(config, head);
        AddTokens(config);
        AddOwn(config, width, heads, head);
        return JsonNode.Parse(config.ToJsonString())!.AsObject(); // numbers as a file has them: of no type yet
    }

    private void AddOwn(JsonObject config, int width, int heads, int head)
    {
        switch (name)
        {
            case "llama":
                config["attention_bias"] = header.Tensors.ContainsKey("blk.0.attn_q.bias");
                config["mlp_bias"] = header.Tensors.ContainsKey("blk.0.ffn_up.bias");
                break;
            case "qwen3":
                config["attention_bias"] = header.Tensors.ContainsKey("blk.0.attn_q.bias");
                break;
            case "gemma3":
                config["hidden_activation"] = "gelu_pytorch_tanh";
                config["sliding_window"] = Whole("attention.sliding_window") ?? 0;
                config["sliding_window_pattern"] = Whole("attention.sliding_window_pattern") ?? 6;
                // The file does not say it: the largest one (62 layers) scales by the width per head, the others by the head's own.
                config["query_pre_attn_scalar"] = Needed("block_count") == 62 ? width / heads : head;
                config["final_logit_softcapping"] = Number("final_logit_softcapping");
                config["attn_logit_softcapping"] = Number("attn_logit_softcapping");
                break;
            case "phi3":
                config["sliding_window"] = Whole("attention.sliding_window") ?? 0;
                break;
        }

        if ((Whole("rope.dimension_count") ?? head) is var turned && turned != head)
        {
            config["partial_rotary_factor"] = name == "phi3"
                ? (double)turned / head
                : throw new PeftException($"{header.Path}: {name}.rope.dimension_count ({turned}) differs from the width of a head ({head}), which is not supported.");
        }
    }

    private void AddTokens(JsonObject config)
    {
        int? Id(string which) => values.Whole($"tokenizer.ggml.{which}_token_id");
        config["bos_token_id"] = Id("bos");
        config["pad_token_id"] = Id("padding");
        // A turn may end by another token than a text.
        int[] ends = [.. new[] { Id("eos"), Id("eot") }.OfType<int>().Distinct()];
        if (ends.Length > 0)
            config["eos_token_id"] = new JsonArray([.. ends.Select(id => JsonValue.Create(id))]);
    }

    /// <summary>Stretching of the rotary frequencies: factors per frequency stand in tensors, everything else in the metadata.</summary>
    private void AddScaling(JsonObject config, int head)
    {
        var original = Whole("rope.scaling.original_context_length");
        if (Factors("rope_factors_long.weight", head) is { } longer && Factors("rope_factors_short.weight", head) is { } shorter)
            config["rope_scaling"] = Long(shorter, longer, original, Number("rope.scaling.attn_factor"));
        else if (Factors("rope_freqs.weight", head) is { } always)
            config["rope_scaling"] = Long(always, always, original, 1);
        else if (Kind() is "linear" or "yarn" && Kind() is { } kind)
        {
            config["rope_scaling"] = new JsonObject
            {
                ["rope_type"] = kind,
                ["factor"] = Number("rope.scaling.factor") ?? Number("rope.scale_linear") ?? 1,
                ["original_max_position_embeddings"] = original,
            };
        }
    }

    private string Kind()
    {
        var kind = values.Text($"{name}.rope.scaling.type") ?? (Number("rope.scale_linear") is { } factor and not 0 and not 1 ? "linear" : "none");
        return kind is "none" or "linear" or "yarn"
            ? kind
            : kind == "longrope"
                ? throw new PeftException($"{header.Path}: {name}.rope.scaling.type is longrope, but tensors 'rope_factors_long.weight' and 'rope_factors_short.weight' are missing.")
                : throw new PeftException($"{header.Path}: {name}.rope.scaling.type '{kind}' is not supported; possible are none, linear, yarn, longrope.");
    }

    private static JsonObject Long(float[] shorter, float[] longer, int? original, double? attention)
    {
        static JsonArray List(float[] factors) => new([.. factors.Select(factor => JsonValue.Create((double)factor))]);
        return new JsonObject
        {
            ["rope_type"] = "longrope",
            ["short_factor"] = List(shorter),
            ["long_factor"] = List(longer),
            ["original_max_position_embeddings"] = original,
            ["attention_factor"] = attention,
        };
    }

    private float[]? Factors(string tensor, int head)
    {
        if (header.Tensors.GetValueOrDefault(tensor) is not { } found)
            return null;
        var wanted = (Whole("rope.dimension_count") ?? head) / 2;
        if (found.Type.Name != "F32" || found.Count != wanted)
            throw new PeftException($"{header.Path}: tensor '{tensor}' has {found.Count} numbers of type {found.Type.Name}; {wanted} of type F32 are expected, one per rotary frequency.");
        var bytes = new byte[found.Bytes];
        using (var stream = File.OpenRead(header.Path))
        {
            stream.Position = found.Position;
            stream.ReadExactly(bytes);
        }

        var factors = new float[wanted];
        for (var i = 0; i < wanted; i++)
            factors[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4 * i)) is > 0 and < float.PositiveInfinity and var factor ? factor : throw new PeftException($"{header.Path}: tensor '{tensor}' holds factors that are not positive.");
        return factors;
    }

    private int Needed(string key) => values.Needed($"{name}.{key}");

    private int? Whole(string key) => values.Whole($"{name}.{key}");

    private double? Number(string key) => values.Number($"{name}.{key}");
}
