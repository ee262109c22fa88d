using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>
/// What Hugging Face's tokenizer classes do beyond tokenizer.json: tokens with a role that the config leaves out, tokens that only the config
/// names, beginning and end tokens of Llama's kind, BERT's letter case, spaces in front. Source: transformers, tokenization_utils_fast.
/// </summary>
internal static class TokenizerClass
{
    private const string EndOfText = "<|endoftext|>";

    private static readonly Dictionary<string, Kind> s_kinds = Table();

    private static readonly Dictionary<string, string> s_classes = new(StringComparer.Ordinal)
    {
        ["bert"] = "BertTokenizer", ["distilbert"] = "DistilBertTokenizer", ["electra"] = "ElectraTokenizer", ["gpt2"] = "GPT2Tokenizer", ["llama"] = "LlamaTokenizer",
        ["mistral"] = "LlamaTokenizer", ["t5"] = "T5Tokenizer", ["mt5"] = "T5Tokenizer", ["roberta"] = "RobertaTokenizer", ["xlm-roberta"] = "XLMRobertaTokenizer",
        ["albert"] = "AlbertTokenizer", ["qwen2"] = "Qwen2Tokenizer", ["qwen3"] = "Qwen2Tokenizer", ["gemma"] = "GemmaTokenizer", ["gemma2"] = "GemmaTokenizer",
        ["bloom"] = "BloomTokenizer", ["bart"] = "BartTokenizer", ["clip"] = "CLIPTokenizer", ["opt"] = "GPT2Tokenizer", ["baichuan"] = "BaichuanTokenizer",
    };

    /// <summary>The class that models of a type have.</summary>
    public static string? OfModelType(string type) => s_classes.GetValueOrDefault(type);

    /// <summary>Name of the class without the mark of the fast form; empty when the config names none.</summary>
    public static string Name(JsonObject config)
    {
        var name = config["tokenizer_class"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
        return name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^4] : name;
    }

    /// <summary>Whether the class pads in front.</summary>
    public static bool PadsLeft(JsonObject config) => s_kinds.GetValueOrDefault(Name(config))?.PadsLeft ?? false;

    /// <summary>What the class hands to the model.</summary>
    public static IReadOnlyList<string> InputNames(JsonObject config) =>
        config["model_input_names"] is JsonArray { Count: > 0 } names ? [.. names.Select(name => name!.GetValue<string>())]
        : s_kinds.GetValueOrDefault(Name(config)) is { Types: false } ? ["input_ids", "attention_mask"]
        : ["input_ids", "token_type_ids", "attention_mask"];

    /// <summary>Changes the steps as the class would; fills in the roles that the config leaves to it.</summary>
    /// <returns>Whether words begin with their space, so that the class refuses lists of words.</returns>
    public static bool Apply(TokenizerFiles files)
    {
        var (pipeline, config) = (files.Pipeline, files.Config);
        var kind = s_kinds.GetValueOrDefault(Name(config)) ?? new Kind([]);
        foreach (var (role, text) in kind.Roles)
        {
            if (!config.ContainsKey(role))
                config[role] = text;
        }

        var prefix = Flag(config, "add_prefix_space", false);
        if (pipeline["pre_tokenizer"] is JsonObject { } first && first["type"]?.ToString() == "ByteLevel" && first["add_prefix_space"] is not null)
            first["add_prefix_space"] = prefix;
        if (kind.Rule == Rule.Roberta && pipeline["post_processor"] is JsonObject around && around["add_prefix_space"] is not null)
            (around["add_prefix_space"], around["trim_offsets"]) = (prefix, Flag(config, "trim_offsets", true));
        if (kind.Rule == Rule.Bert && pipeline["normalizer"] is JsonObject normalizer && normalizer["type"]?.ToString() == "BertNormalizer")
        {
            normalizer["lowercase"] = Flag(config, "do_lower_case", true);
            normalizer["strip_accents"] = config["strip_accents"]?.DeepClone();
            normalizer["handle_chinese_chars"] = Flag(config, "tokenize_chinese_chars", true);
        }

        var tokens = new AddedTokenList(pipeline);
        foreach (var (_, token) in (config["added_tokens_decoder"] as JsonObject ?? []).OrderBy(pair => int.TryParse(pair.Key, out var id) ? id : int.MaxValue))
        {
            if (SpecialTokens.Text(token) is { } text)
                tokens.Put(text, Flag(token!.AsObject(), "special", false) || SpecialTokens.All(config).Any(known => SpecialTokens.Text(known) == text), token);
        }

        foreach (var token in SpecialTokens.All(config).ToArray())
            tokens.PutIfMissing(SpecialTokens.Text(token)!, token);
        if (kind.Rule == Rule.Llama)
            pipeline["post_processor"] = AroundLlama(config, tokens);
        return kind.NeedsSpaces && !prefix;
    }

    /// <summary>bos A eos, and bos A eos bos B eos, by what the config asks for.</summary>
    private static JsonObject? AroundLlama(JsonObject config, AddedTokenList tokens)
    {
        var bos = Flag(config, "add_bos_token", true) ? SpecialTokens.Text(config["bos_token"]) : null;
        var eos = Flag(config, "add_eos_token", false) ? SpecialTokens.Text(config["eos_token"]) : null;
        var (single, pair, special) = (new JsonArray(), new JsonArray(), new JsonObject());
        void Put(string? token, int type)
        {
            if (token is null || tokens.Id(token) is not { } id)
                return;
            if (type == 0)
                single.Add(Pipelines.Special(token, 0));
            pair.Add(Pipelines.Special(token, type));
            special[token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(token) };
        }

        Put(bos, 0);
        single.Add(Pipelines.Sequence("A", 0));
        pair.Add(Pipelines.Sequence("A", 0));
        Put(eos, 0);
        Put(bos, 1);
        pair.Add(Pipelines.Sequence("B", 1));
        Put(eos, 1);
        return new JsonObject { ["type"] = "TemplateProcessing", ["single"] = single, ["pair"] = pair, ["special_tokens"] = special };
    }

    internal static bool Flag(JsonObject node, string field, bool absent) => node[field] is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : absent;

    private static Dictionary<string, Kind> Table()
    {
        var table = new Dictionary<string, Kind>(StringComparer.Ordinal);
        void Add(Kind kind, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
                table.Add(name, kind);
        }

        var bert = new Kind([("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]")], Rule.Bert);
        Add(bert, "BertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "ConvBertTokenizer");
        Add(bert with { Types = false }, "DistilBertTokenizer");
        var gpt = new Kind([("unk_token", EndOfText), ("bos_token", EndOfText), ("eos_token", EndOfText)], Types: false, NeedsSpaces: true);
        Add(gpt, "GPT2Tokenizer", "CodeGenTokenizer");
        Add(gpt with { NeedsSpaces = false }, "GPTNeoXTokenizer");
        Add(new Kind([("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>"), ("pad_token", "<pad>")], Types: false, PadsLeft: true, NeedsSpaces: true), "BloomTokenizer");
        Add(
            new Kind([("bos_token", "<s>"), ("eos_token", "</s>"), ("sep_token", "</s>"), ("cls_token", "<s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask>")],
                Rule.Roberta, Types: false, NeedsSpaces: true),
            "RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer", "MvpTokenizer");
        Add(new Kind([("unk_token", EndOfText), ("eos_token", EndOfText), ("pad_token", EndOfText)], Types: false), "Qwen2Tokenizer");
        Add(
            new Kind([("unk_token", EndOfText), ("bos_token", "<|startoftext|>"), ("eos_token", EndOfText), ("pad_token", EndOfText)], Types: false), "CLIPTokenizer");
        var llama = new Kind([("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>")], Rule.Llama, Types: false, PadsLeft: true);
        Add(llama, "LlamaTokenizer", "CodeLlamaTokenizer", "BaichuanTokenizer", "InternLMTokenizer", "InternLM2Tokenizer");
        Add(llama with { Roles = [("unk_token", "<unk>"), ("bos_token", "<bos>"), ("eos_token", "<eos>"), ("pad_token", "<pad>")] }, "GemmaTokenizer");
        Add(new Kind([("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")], Types: false), "T5Tokenizer");
        Add(
            new Kind([("bos_token", "<s>"), ("eos_token", "</s>"), ("sep_token", "</s>"), ("cls_token", "<s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>"), ("mask_token", "<mask>")], Types: false),
            "XLMRobertaTokenizer", "CamembertTokenizer", "MBartTokenizer");
        Add(
            new Kind([("bos_token", "[CLS]"), ("eos_token", "[SEP]"), ("unk_token", "<unk>"), ("sep_token", "[SEP]"), ("pad_token", "<pad>"), ("cls_token", "[CLS]"), ("mask_token", "[MASK]")]),
            "AlbertTokenizer");
        return table;
    }

    private enum Rule
    {
        None,
        Bert,
        Roberta,
        Llama,
    }

    /// <summary>A class.</summary>
    /// <param name="Roles">Tokens it has where the config does not say.</param>
    /// <param name="Rule">What it changes.</param>
    /// <param name="Types">Whether the model is told which text of a pair a token belongs to.</param>
    /// <param name="PadsLeft">Whether padding goes in front.</param>
    /// <param name="NeedsSpaces">Whether lists of words need add_prefix_space.</param>
    private sealed record Kind(
        IReadOnlyList<(string Role, string Text)> Roles, Rule Rule = Rule.None, bool Types = true, bool PadsLeft = false, bool NeedsSpaces = false);
}
