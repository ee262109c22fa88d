using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Quantization;

/// <summary>
/// How the frozen base is kept in 4 bits, with the field names and defaults of Hugging Face's <c>BitsAndBytesConfig</c>. With LoRA on such a
/// base this is QLoRA (https://arxiv.org/abs/2305.14314): about a quarter of bfloat16's memory for the same adapter.
/// </summary>
public sealed record QuantizationConfig
{
    /// <summary>Whether linear layers are kept in 4 bits. Default false: the base is loaded as it is.</summary>
    [JsonPropertyName("load_in_4bit")]
    public bool LoadIn4Bit { get; init; }

    /// <summary><c>nf4</c> (fits normally distributed weights, the usual choice) or <c>fp4</c> (the default, as in the reference).</summary>
    [JsonPropertyName("bnb_4bit_quant_type")]
    public string Bnb4BitQuantType { get; init; } = "fp4";

    /// <summary>Whether the scales are quantised too, which saves another 0.37 bits a weight. Default false.</summary>
    [JsonPropertyName("bnb_4bit_use_double_quant")]
    public bool Bnb4BitUseDoubleQuant { get; init; }

    /// <summary>Element type in which products with expanded weights are computed: float32 (default) or bfloat16.</summary>
    [JsonPropertyName("bnb_4bit_compute_dtype")]
    public string Bnb4BitComputeDtype { get; init; } = "float32";

    /// <summary>Modules that stay as they are, by path or a part of it; null leaves out the output head alone.</summary>
    [JsonPropertyName("llm_int8_skip_modules")]
    public IReadOnlyList<string>? LlmInt8SkipModules { get; init; }

    /// <summary>
    /// Whether everything that is not 4-bit (embeddings, norms, head, and with them the residual stream) computes in float32, as
    /// <c>prepare_model_for_kbit_training</c> does. Default true; false keeps the base's dtype and takes less memory.
    /// </summary>
    [JsonPropertyName("prepare_model_for_kbit_training")]
    public bool PrepareModelForKbitTraining { get; init; } = true;

    /// <summary>The element type of <see cref="Bnb4BitComputeDtype"/>.</summary>
    [JsonIgnore]
    public ScalarType ComputeType => DTypes.FloatFromName(Bnb4BitComputeDtype.Replace("torch.", "", StringComparison.Ordinal)) ?? ScalarType.Float32;

    /// <summary>Reads the object of a run's order or of <c>quantization_config</c> in a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value of the wrong kind.</exception>
    public static QuantizationConfig FromJson(JsonObject json)
    {
        try
        {
            return json.Deserialize<QuantizationConfig>()!;
        }
        catch (JsonException error)
        {
            throw new PeftException($"quantization: unusable value: {error.Message}", error);
        }
    }

    /// <summary>The config of a checkpoint that is already quantised, from its <c>config.json</c>; null when it is not.</summary>
    /// <exception cref="PeftException">It is quantised by another method than bitsandbytes in 4 bits.</exception>
    public static QuantizationConfig? OfCheckpoint(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        if (!File.Exists(path) || JsonNode.Parse(File.ReadAllText(path))?["quantization_config"] is not JsonObject json)
            return null;
        if ((string?)json["quant_method"] is not ("bitsandbytes" or null) || (bool?)json["load_in_8bit"] == true)
            throw new PeftException($"{path}: the weights are quantised by '{json["quant_method"]}'{((bool?)json["load_in_8bit"] == true ? " in 8 bits" : "")}; only bitsandbytes in 4 bits can be read.");
        return FromJson(json);
    }

    /// <summary>What is wrong with it: field and message each.</summary>
    public IEnumerable<(string Field, string Message)> Problems()
    {
        if (!FourBitCode.Names.Contains(Bnb4BitQuantType))
            yield return ("bnb_4bit_quant_type", $"must be nf4 or fp4, but is '{Bnb4BitQuantType}'.");
        if (DTypes.FloatFromName(Bnb4BitComputeDtype) is not (ScalarType.Float32 or ScalarType.BFloat16))
            yield return ("bnb_4bit_compute_dtype", $"must be float32 or bfloat16, but is '{Bnb4BitComputeDtype}'.");
    }

    /// <summary>Whether a module stays as it is.</summary>
    public bool Skips(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return LlmInt8SkipModules?.Any(name => path == name || $".{path}.".Contains($".{name}.", StringComparison.Ordinal)) == true;
    }

    /// <summary>As it stands in the <c>config.json</c> of a quantised checkpoint.</summary>
    public JsonObject ToCheckpointJson() => new()
    {
        ["_load_in_4bit"] = true,
        ["_load_in_8bit"] = false,
        ["bnb_4bit_compute_dtype"] = Bnb4BitComputeDtype,
        ["bnb_4bit_quant_storage"] = "uint8",
        ["bnb_4bit_quant_type"] = Bnb4BitQuantType,
        ["bnb_4bit_use_double_quant"] = Bnb4BitUseDoubleQuant,
        ["llm_int8_enable_fp32_cpu_offload"] = false,
        ["llm_int8_has_fp16_weight"] = false,
        ["llm_int8_skip_modules"] = LlmInt8SkipModules is null ? null : new JsonArray([.. LlmInt8SkipModules.Select(n => (JsonNode)n)]),
        ["llm_int8_threshold"] = 6.0,
        ["load_in_4bit"] = true,
        ["load_in_8bit"] = false,
        ["quant_method"] = "bitsandbytes",
    };
}
