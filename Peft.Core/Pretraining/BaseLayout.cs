using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Tokenization;

namespace Peft.Core.Pretraining;

/// <summary>An architecture that bases can be made in, with small sizes to start from.</summary>
/// <param name="ModelType">Its <c>model_type</c>.</param>
/// <param name="Objective">What it learns.</param>
/// <param name="Architecture">Hugging Face's class with the head that is kept.</param>
/// <param name="Defaults">Fields of config.json that are not given.</param>
public sealed record BaseLayout(string ModelType, PretrainingObjective Objective, string Architecture, Func<JsonObject> Defaults)
{
    /// <summary>Every layout.</summary>
    public static IReadOnlyList<BaseLayout> All { get; } =
    [
        new("roberta", PretrainingObjective.MaskedLm, "RobertaForMaskedLM", () => new JsonObject
        {
            ["hidden_size"] = 256, ["num_hidden_layers"] = 6, ["num_attention_heads"] = 4, ["intermediate_size"] = 1024, ["hidden_act"] = "gelu",
            ["max_position_embeddings"] = 514, ["type_vocab_size"] = 1, ["layer_norm_eps"] = 1e-5, ["initializer_range"] = 0.02,
            ["hidden_dropout_prob"] = 0.0, ["attention_probs_dropout_prob"] = 0.0, ["position_embedding_type"] = "absolute", ["tie_word_embeddings"] = true,
        }),
        new("bert", PretrainingObjective.MaskedLm, "BertForMaskedLM", () => new JsonObject
        {
            ["hidden_size"] = 256, ["num_hidden_layers"] = 6, ["num_attention_heads"] = 4, ["intermediate_size"] = 1024, ["hidden_act"] = "gelu",
            ["max_position_embeddings"] = 512, ["type_vocab_size"] = 2, ["layer_norm_eps"] = 1e-12, ["initializer_range"] = 0.02,
            ["hidden_dropout_prob"] = 0.0, ["attention_probs_dropout_prob"] = 0.0, ["position_embedding_type"] = "absolute", ["tie_word_embeddings"] = true,
        }),
        T5("mt5", "MT5ForConditionalGeneration", tied: false),
        T5("t5", "T5ForConditionalGeneration", tied: true),
        new("llama", PretrainingObjective.CausalLm, "LlamaForCausalLM", () => new JsonObject
        {
            ["hidden_size"] = 256, ["num_hidden_layers"] = 8, ["num_attention_heads"] = 4, ["num_key_value_heads"] = 2, ["head_dim"] = 64, ["intermediate_size"] = 768,
            ["hidden_act"] = "silu", ["max_position_embeddings"] = 1024, ["rms_norm_eps"] = 1e-5, ["rope_theta"] = 10000.0, ["attention_bias"] = true, ["mlp_bias"] = true,
            ["initializer_range"] = 0.02, ["tie_word_embeddings"] = true,
        }),
    ];

    /// <summary>The layout of an architecture.</summary>
    /// <exception cref="PeftException">No base can be made in this architecture; the known ones are named.</exception>
    public static BaseLayout Find(string? modelType) => All.FirstOrDefault(layout => layout.ModelType == modelType)
        ?? throw new PeftException($"model_type: '{modelType}' is no layout that a base can be made in; known are {string.Join(", ", All.Select(layout => layout.ModelType))}.");

    /// <summary>The complete config.json: what is given over the layout's defaults, vocabulary and special ids from the tokenizer.</summary>
    /// <param name="given">Given fields.</param>
    /// <param name="tokenizer">The extended tokenizer.</param>
    /// <param name="source">Where the fields stand, for messages.</param>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public (JsonObject Json, ModelConfig Config) Complete(JsonObject given, PretrainedTokenizer tokenizer, string source)
    {
        ArgumentNullException.ThrowIfNull(given);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var json = Defaults();
        foreach (var (name, value) in given)
            json[name] = value?.DeepClone();
        json["architectures"] = new JsonArray(Architecture);
        json["model_type"] = ModelType;
        json["vocab_size"] = tokenizer.VocabularySize;
        json["pad_token_id"] = tokenizer.PadId;
        json["bos_token_id"] = tokenizer.Id(tokenizer.BosToken);
        json["eos_token_id"] = tokenizer.EosId;
        if (Objective == PretrainingObjective.SpanCorruption)
            (json["decoder_start_token_id"], json["is_encoder_decoder"]) = (tokenizer.PadId, true);
        json["dtype"] = "bfloat16";
        json["transformers_version"] = "4.57.6";
        var task = Objective switch
        {
            PretrainingObjective.MaskedLm => ModelTask.MaskedLm,
            PretrainingObjective.SpanCorruption => ModelTask.Seq2SeqLm,
            _ => ModelTask.CausalLm,
        };
        return (json, ModelConfig.Read(ConfigReader.From(source, json), task));
    }

    private static BaseLayout T5(string modelType, string architecture, bool tied) => new(modelType, PretrainingObjective.SpanCorruption, architecture, () => new JsonObject
    {
        ["d_model"] = 256, ["num_layers"] = 4, ["num_decoder_layers"] = 2, ["num_heads"] = 4, ["d_kv"] = 64, ["d_ff"] = 512, ["feed_forward_proj"] = "gated-gelu",
        ["n_positions"] = 512, ["relative_attention_num_buckets"] = 32, ["relative_attention_max_distance"] = 128, ["layer_norm_epsilon"] = 1e-6,
        ["initializer_factor"] = 1.0, ["dropout_rate"] = 0.0, ["tie_word_embeddings"] = tied, ["use_cache"] = true,
    });
}
