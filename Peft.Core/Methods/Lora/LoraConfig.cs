using System.Text.Json.Nodes;
using Peft.Core.Models;

namespace Peft.Core.Methods.Lora;

/// <summary>How A and B of LoRA start.</summary>
public enum LoraInit
{
    /// <summary>A uniform (kaiming), B zero: the adapter starts as a no-op.</summary>
    Default,

    /// <summary>A normal with deviation 1/r, B zero.</summary>
    Gaussian,

    /// <summary>Both as a fresh linear layer: not a no-op, for tests.</summary>
    Random,

    /// <summary>The largest singular directions of the weight, which keeps the rest (PiSSA): learns faster; a no-op at the start.</summary>
    Pissa,

    /// <summary>From the QR decomposition of the weight, which keeps the rest (OLoRA); a no-op at the start.</summary>
    Olora,
}

/// <summary>
/// Settings of LoRA: every chosen linear layer W gets y = W·x + (alpha / r) · B·A·x with A [r, in], B [out, r].
/// https://arxiv.org/abs/2106.09685. Field names and defaults are PEFT's.
/// </summary>
public sealed record LoraConfig : PeftConfig
{
    /// <inheritdoc />
    public override string PeftType => "LORA";

    /// <summary>Rank of the change. Default 8.</summary>
    public int R { get; init; } = 8;

    /// <summary>The change is scaled by alpha / r. Default 8.</summary>
    public double LoraAlpha { get; init; } = 8;

    /// <summary>Share of the adapter's inputs dropped in training, 0 to 1. Default 0.</summary>
    public double LoraDropout { get; init; }

    /// <summary>Layers to adapt; null takes the architecture's default (query and value for Llama).</summary>
    public ModuleSelector? TargetModules { get; init; }

    /// <summary>Layers to leave out, chosen like the targets; null leaves out none.</summary>
    public ModuleSelector? ExcludeModules { get; init; }

    /// <summary>Which biases train as well: <c>none</c>, <c>all</c>, or <c>lora_only</c> (those of the adapted layers). Default none.</summary>
    public string Bias { get; init; } = "none";

    /// <summary>Scale by alpha / √r (https://arxiv.org/abs/2312.03732). Default false.</summary>
    public bool UseRslora { get; init; }

    /// <summary>Modules trained in full beside the adapter and saved with it.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Whether adapted weights lie as [in, out]; the base decides, and what is saved says so.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>How A and B start.</summary>
    public LoraInit InitLoraWeights { get; init; }

    /// <summary>Power iterations of an approximate, faster PiSSA; null decomposes exactly.</summary>
    public int? PissaIterations { get; init; }

    /// <summary>Train the length of the weight's rows apart from their direction (DoRA, https://arxiv.org/abs/2402.09353). Default false.</summary>
    public bool UseDora { get; init; }

    /// <summary>Whether B has a bias of its own. Default false.</summary>
    public bool LoraBias { get; init; }

    /// <summary>Tokens whose rows in the input embedding train besides, rising; null trains none.</summary>
    public IReadOnlyList<int>? TrainableTokenIndices { get; init; }

    /// <summary>Numbers of the decoder layers to adapt; null means all.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>The path element in front of the layer number; null finds it by itself.</summary>
    public IReadOnlyList<string>? LayersPattern { get; init; }

    /// <summary>Other ranks for some modules: regular expression on the end of the path, rank.</summary>
    public IReadOnlyDictionary<string, double> RankPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Other alphas for some modules: regular expression on the end of the path, alpha.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Features that the JSON asked for and this engine does not have.</summary>
    public IReadOnlyList<string> Unsupported { get; init; } = [];

    /// <summary>Reads the fields of an <c>adapter_config.json</c>.</summary>
    public static LoraConfig Read(JsonObject json)
    {
        var reader = new PeftJson(json);
        var (init, iterations, unsupported) = ReadInit(reader.Raw("init_lora_weights"));
        var (tokens, unknownTokens) = ReadTokens(reader);
        string[] features =
        [
            "layer_replication", "loftq_config", "target_parameters", "use_qalora",
            "use_bdlora", "arrow_config", "alora_invocation_tokens", "megatron_config", "velora_config", "monteclora_config", "kasa_config",
        ];
        return WithCommon(
            new LoraConfig
            {
                R = reader.Whole("r") ?? 8,
                LoraAlpha = reader.Number("lora_alpha") ?? 8,
                LoraDropout = reader.Number("lora_dropout") ?? 0,
                TargetModules = ModuleSelector.FromJson(reader, "target_modules"),
                ExcludeModules = ModuleSelector.FromJson(reader, "exclude_modules"),
                Bias = reader.Text("bias") ?? "none",
                UseRslora = reader.Flag("use_rslora") ?? false,
                ModulesToSave = reader.Texts("modules_to_save"),
                FanInFanOut = reader.Flag("fan_in_fan_out") ?? false,
                InitLoraWeights = init,
                PissaIterations = iterations,
                UseDora = reader.Flag("use_dora") ?? false,
                LoraBias = reader.Flag("lora_bias") ?? false,
                TrainableTokenIndices = tokens,
                LayersToTransform = reader.Wholes("layers_to_transform"),
                LayersPattern = reader.Texts("layers_pattern"),
                RankPattern = reader.Numbers("rank_pattern"),
                AlphaPattern = reader.Numbers("alpha_pattern"),
                Unsupported = [.. features.Where(reader.IsSet), .. unsupported, .. unknownTokens],
            },
            reader);
    }

    /// <summary>Rank of one module.</summary>
    public int RankOf(string path) => (int)(ModuleTargets.ByPattern(RankPattern, path) ?? R);

    /// <summary>Factor on B·A·x of one module.</summary>
    public double ScalingOf(string path)
    {
        var alpha = ModuleTargets.ByPattern(AlphaPattern, path) ?? LoraAlpha;
        return alpha / (UseRslora ? Math.Sqrt(RankOf(path)) : RankOf(path));
    }

    /// <inheritdoc />
    public override PeftValidation Validate(ModelConfig model) => LoraValidation.Run(this, model);

    /// <inheritdoc />
    public override IReadOnlyList<TrainableShape> TrainableShapes(ModelConfig model) => LoraTargets.Resolve(this, model).TrainableShapes();

    /// <inheritdoc />
    protected override void WriteFields(IDictionary<string, JsonNode?> fields)
    {
        // The fields of PEFT 0.10: every later version reads them, and older ones refuse what they do not know.
        fields["alpha_pattern"] = Map(AlphaPattern);
        fields["bias"] = Bias;
        fields["fan_in_fan_out"] = FanInFanOut;
        fields["init_lora_weights"] = InitLoraWeights switch
        {
            LoraInit.Gaussian => "gaussian",
            LoraInit.Random => false,
            LoraInit.Olora => "olora",
            LoraInit.Pissa => PissaIterations is { } count ? $"pissa_niter_{count}" : "pissa",
            _ => true,
        };
        fields["layer_replication"] = null;
        fields["layers_pattern"] = LayersPattern is null ? null : LayersPattern.Count == 1 ? LayersPattern[0] : List(LayersPattern);
        fields["layers_to_transform"] = LayersToTransform is null ? null : new JsonArray([.. LayersToTransform.Select(i => (JsonNode)i)]);
        fields["loftq_config"] = new JsonObject();
        fields["lora_alpha"] = Number(LoraAlpha);
        fields["lora_dropout"] = LoraDropout;
        fields["megatron_config"] = null;
        fields["megatron_core"] = "megatron.core";
        fields["modules_to_save"] = ModulesToSave is null ? null : List(ModulesToSave);
        fields["r"] = R;
        fields["rank_pattern"] = Map(RankPattern);
        fields["target_modules"] = TargetModules?.ToJson();
        fields["use_dora"] = UseDora;
        fields["use_rslora"] = UseRslora;
        if (LoraBias)
            fields["lora_bias"] = true;
        if (TrainableTokenIndices is not null)
            fields["trainable_token_indices"] = new JsonArray([.. TrainableTokenIndices.Select(i => (JsonNode)i)]);
        if (ExcludeModules is not null)
            fields["exclude_modules"] = ExcludeModules.ToJson();
    }

    private static (LoraInit Init, int? Iterations, string[] Unsupported) ReadInit(JsonNode? node) => node?.ToString().ToLowerInvariant() switch
    {
        null or "true" => (LoraInit.Default, null, []),
        "false" => (LoraInit.Random, null, []),
        "gaussian" => (LoraInit.Gaussian, null, []),
        "pissa" => (LoraInit.Pissa, null, []),
        "olora" => (LoraInit.Olora, null, []),
        var text when text.StartsWith("pissa_niter_", StringComparison.Ordinal) && int.TryParse(text["pissa_niter_".Length..], out var count) =>
            (LoraInit.Pissa, count, []),
        var other => (LoraInit.Default, null, [$"init_lora_weights={other}"]),
    };

    /// <summary>A list, or names of modules with a list each: of those the input embedding alone can be trained by tokens.</summary>
    private static (IReadOnlyList<int>? Tokens, string[] Unsupported) ReadTokens(PeftJson reader)
    {
        const string field = "trainable_token_indices";
        if (reader.Raw(field) is not JsonObject map)
            return (reader.Wholes(field)?.Distinct().Order().ToList(), []);
        return map.Count == 1 && map.First().Key is "embed_tokens" or "wte" or "word_embeddings" or "shared"
            ? (new PeftJson(map).Wholes(map.First().Key)?.Distinct().Order().ToList(), [])
            : (null, [$"{field}={string.Join(", ", map.Select(m => m.Key))}"]);
    }

    private static JsonValue Number(double value) =>
        value == Math.Truncate(value) && Math.Abs(value) < long.MaxValue ? JsonValue.Create((long)value) : JsonValue.Create(value);

    private static JsonObject Map(IReadOnlyDictionary<string, double> map)
    {
        var json = new JsonObject();
        foreach (var (key, value) in map)
            json[key] = Number(value);
        return json;
    }

    private static JsonArray List(IEnumerable<string> items) => new([.. items.Select(i => (JsonNode)JsonValue.Create(i))]);
}
