using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Tokenization;

namespace Peft.Core.Pretraining;

/// <summary>
/// Gives a tokenizer the tokens that an objective needs: the mask, or sentinels; and what stands around a text. Roles that the tokenizer
/// has already are kept: its start token also is <c>cls</c>, its end token also <c>sep</c>. Written as the files that Hugging Face reads.
/// </summary>
public static class TokenizerExtension
{
    /// <summary>Sentinels of T5.</summary>
    public const int SentinelCount = 100;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Text of a sentinel.</summary>
    public static string Sentinel(int index) => $"<extra_id_{index}>";

    /// <summary>Reads a tokenizer, extends it and writes it.</summary>
    /// <param name="source">Folder with tokenizer.json and tokenizer_config.json.</param>
    /// <param name="target">Folder that gets tokenizer.json, tokenizer_config.json and special_tokens_map.json; made if missing.</param>
    /// <param name="objective">What the model learns.</param>
    /// <param name="maxLength">Longest text of the model, for <c>model_max_length</c>.</param>
    /// <returns>The extended tokenizer, as read back from the target.</returns>
    /// <exception cref="PeftException">The tokenizer is missing or cannot be read.</exception>
    public static PretrainedTokenizer Write(string source, string target, PretrainingObjective objective, int maxLength)
    {
        _ = PretrainedTokenizer.Load(source); // says what is wrong with it
        var file = Read(Path.Combine(source, "tokenizer.json"));
        var config = File.Exists(Path.Combine(source, "tokenizer_config.json")) ? Read(Path.Combine(source, "tokenizer_config.json")) : [];
        var tokens = new TokenList(file);
        var roles = new JsonObject();
        void Role(string role, params ReadOnlySpan<string?> candidates)
        {
            var text = "";
            foreach (var candidate in candidates)
            {
                if (text.Length == 0 && candidate is not null)
                    text = candidate;
            }

            tokens.Add(text);
            roles[role] = text;
        }

        string? Has(string role) => config[role] switch
        {
            JsonObject detailed => detailed["content"]?.GetValue<string>(),
            JsonValue plain => plain.GetValue<string>(),
            _ => null,
        };

        Role("pad_token", Has("pad_token"), "<pad>");
        Role("bos_token", Has("bos_token"), Has("cls_token"), "<s>");
        Role("eos_token", Has("eos_token"), Has("sep_token"), "</s>");
        if (Has("unk_token") is { } unknown)
            Role("unk_token", unknown);
        var more = (config["additional_special_tokens"] as JsonArray)?.Select(n => n is JsonObject detailed ? detailed["content"]!.GetValue<string>() : n!.GetValue<string>()).ToList() ?? [];
        switch (objective)
        {
            case PretrainingObjective.MaskedLm:
                Role("cls_token", Has("cls_token"), Has("bos_token"), "<s>");
                Role("sep_token", Has("sep_token"), Has("eos_token"), "</s>");
                Role("mask_token", Has("mask_token"), "<mask>");
                break;
            case PretrainingObjective.SpanCorruption:
                // As in T5's vocabulary the first sentinel has the last id.
                for (var i = SentinelCount - 1; i >= 0; i--)
                    tokens.Add(Sentinel(i));
                more.AddRange(Enumerable.Range(0, SentinelCount).Select(Sentinel).Where(text => !more.Contains(text)));
                break;
        }

        file["post_processor"] = PostProcessor(file["post_processor"], objective, roles, tokens);
        foreach (var (role, text) in roles)
            config[role] = text!.DeepClone();
        config["additional_special_tokens"] = new JsonArray([.. more.Select(text => (JsonNode)text)]);
        config["added_tokens_decoder"] = tokens.Decoder();
        config["tokenizer_class"] = "PreTrainedTokenizerFast";
        config["model_max_length"] = maxLength;
        if (objective != PretrainingObjective.CausalLm)
            config.Remove("chat_template"); // neither encoder nor encoder-decoder has seen a dialogue
        roles["additional_special_tokens"] = config["additional_special_tokens"]!.DeepClone();

        Directory.CreateDirectory(target);
        File.WriteAllText(Path.Combine(target, "tokenizer.json"), file.ToJsonString(s_indented));
        File.WriteAllText(Path.Combine(target, "tokenizer_config.json"), config.ToJsonString(s_indented));
        File.WriteAllText(Path.Combine(target, "special_tokens_map.json"), roles.ToJsonString(s_indented));
        return PretrainedTokenizer.Load(target);
    }

    /// <summary>An encoder's text stands between start and end, a pair as RoBERTa has it; T5 puts an end behind each text; a decoder's stays as it is.</summary>
    private static JsonNode? PostProcessor(JsonNode? existing, PretrainingObjective objective, JsonObject roles, TokenList tokens)
    {
        if (objective == PretrainingObjective.CausalLm)
            return existing?.DeepClone();
        var end = roles[objective == PretrainingObjective.MaskedLm ? "sep_token" : "eos_token"]!.GetValue<string>();
        var template = objective == PretrainingObjective.MaskedLm
            ? TokenTemplate.Encoder(roles["cls_token"]!.GetValue<string>(), end)
            : TokenTemplate.EncoderDecoder(end);
        return new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = template.Single,
            ["pair"] = template.Pair,
            ["special_tokens"] = new JsonObject([.. template.Names.Select(name => new KeyValuePair<string, JsonNode?>(
                name, new JsonObject { ["id"] = name, ["ids"] = new JsonArray(tokens.Id(name)), ["tokens"] = new JsonArray(name) }))]),
        };
    }

    private static JsonObject Read(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new PeftException($"{path}: is no JSON object.");
        }
        catch (JsonException error)
        {
            throw new PeftException($"{path}, line {error.LineNumber + 1}: not valid JSON: {error.Message}", error);
        }
    }

    /// <summary>The added tokens of a tokenizer.json, which grow.</summary>
    private sealed class TokenList
    {
        private readonly JsonArray added;
        private readonly Dictionary<string, int> ids = new(StringComparer.Ordinal);
        private int next;

        public TokenList(JsonObject file)
        {
            if (file["added_tokens"] is not JsonArray)
                file["added_tokens"] = new JsonArray();
            added = file["added_tokens"]!.AsArray();
            switch (file["model"]?["vocab"])
            {
                case JsonObject vocabulary:
                    foreach (var (text, id) in vocabulary)
                        ids[text] = id!.GetValue<int>();
                    break;
                case JsonArray pieces: // Unigram: the place is the id
                    for (var i = 0; i < pieces.Count; i++)
                        ids[pieces[i]![0]!.GetValue<string>()] = i;
                    break;
            }

            foreach (var token in added)
                ids[token!["content"]!.GetValue<string>()] = token["id"]!.GetValue<int>();
            next = ids.Count == 0 ? 0 : ids.Values.Max() + 1;
        }

        public int Id(string text) => ids[text];

        /// <summary>Makes a text a special token; one that is there keeps its id.</summary>
        public void Add(string text)
        {
            if (added.Any(token => token!["content"]!.GetValue<string>() == text))
                return;
            if (!ids.TryGetValue(text, out var id))
                ids[text] = id = next++;
            added.Add(new JsonObject
            {
                ["id"] = id,
                ["content"] = text,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            });
        }

        /// <summary>The same list as <c>added_tokens_decoder</c> of tokenizer_config.json.</summary>
        public JsonObject Decoder()
        {
            var decoder = new JsonObject();
            foreach (var token in added.OrderBy(token => token!["id"]!.GetValue<int>()))
            {
                var entry = token!.DeepClone().AsObject();
                var id = entry["id"]!.ToJsonString();
                entry.Remove("id");
                decoder[id] = entry;
            }

            return decoder;
        }
    }
}
