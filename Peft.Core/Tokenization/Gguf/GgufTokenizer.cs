using System.Text.Json.Nodes;
using Peft.Core.Serialization.Gguf;
using Peft.Core.Tokenization.Pipeline;

namespace Peft.Core.Tokenization.Gguf;

/// <summary>
/// The tokenizer that stands in the metadata of a GGUF file, as the steps of a <c>tokenizer.json</c>: byte-level BPE (<c>gpt2</c>) or
/// SentencePiece BPE with scores and byte tokens (<c>llama</c>). https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp
/// </summary>
internal sealed class GgufTokenizer
{
    private const string Space = "▁";
    private const int Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6;

    private readonly GgufHeader header;
    private readonly GgufMetadata values;
    private readonly PipelineJson json;
    private readonly string[] tokens;
    private readonly int[] types;
    private readonly Dictionary<string, int> vocabulary;

    private GgufTokenizer(GgufHeader header)
    {
        this.header = header;
        values = header.Metadata;
        json = new PipelineJson(header.Path);
        tokens = values.Texts("tokenizer.ggml.tokens") ?? throw new PeftException($"{header.Path}: 'tokenizer.ggml.tokens' is missing; the file holds no tokenizer.");
        types = values.Wholes("tokenizer.ggml.token_type") ?? [];
        if (types.Length != 0 && types.Length != tokens.Length)
            throw new PeftException($"{header.Path}: 'tokenizer.ggml.token_type' has {types.Length} entries for {tokens.Length} tokens.");
        vocabulary = new Dictionary<string, int>(tokens.Length, StringComparer.Ordinal);
        for (var i = 0; i < tokens.Length; i++)
            vocabulary.TryAdd(tokens[i], i);
    }

    /// <summary>The steps and, as <c>tokenizer_config.json</c> would have them, special tokens and chat template.</summary>
    /// <exception cref="PeftException">No tokenizer, or one that cannot be read; names file and key.</exception>
    public static (TokenizerFile File, JsonObject Config) Read(GgufHeader header)
    {
        var tokenizer = new GgufTokenizer(header);
        var model = tokenizer.values.Text("tokenizer.ggml.model");
        var file = model switch
        {
            "gpt2" => tokenizer.ByteLevel(),
            "llama" => tokenizer.SentencePiece(),
            _ => throw new PeftException($"{header.Path}: tokenizer.ggml.model '{model}' is not supported; possible are gpt2 and llama."),
        };
        return (file, tokenizer.Config());
    }

    private TokenizerFile ByteLevel()
    {
        var name = values.Text("tokenizer.ggml.pre") ?? "default";
        var rule = GgufPatterns.Find(name)
            ?? throw new PeftException($"{header.Path}: tokenizer.ggml.pre '{name}' is not known, so texts would be cut wrongly; known are {GgufPatterns.Known}.");
        var merges = values.Texts("tokenizer.ggml.merges") ?? throw new PeftException($"{header.Path}: 'tokenizer.ggml.merges' is missing.");
        var ranks = new Dictionary<(int, int), (int, int)>(merges.Length);
        for (var i = 0; i < merges.Length; i++)
        {
            var cut = merges[i].IndexOf(' ', 1 <= merges[i].Length ? 1 : 0);
            if (cut < 0 || Id(merges[i][..cut]) is not { } left || Id(merges[i][(cut + 1)..]) is not { } right || Id(merges[i][..cut] + merges[i][(cut + 1)..]) is not { } joined)
                throw new PeftException($"{header.Path}: entry {i} of 'tokenizer.ggml.merges' ('{merges[i]}') joins what the vocabulary lacks.");
            ranks.TryAdd((left, right), (i, joined));
        }

        return new TokenizerFile(
            Normalizers.Read(rule.Composed ? new JsonObject { ["type"] = "NFC" } : null, json),
            PreTokenizers.Read(rule.PreTokenizer(), json),
            BytePairModel.Of(vocabulary, ranks, new JsonObject { ["ignore_merges"] = rule.WholeWordsFirst }, json),
            Around(values.Flag("tokenizer.ggml.add_bos_token") ?? rule.Starts, byteLevel: true),
            TokenDecoders.Read(new JsonObject { ["type"] = "ByteLevel" }, json),
            Added());
    }

    private TokenizerFile SentencePiece()
    {
        var prefix = values.Flag("tokenizer.ggml.add_space_prefix") ?? true;
        var (replace, prepend) = (Step("Replace", " ", Space), new JsonObject { ["type"] = "Prepend", ["prepend"] = Space });
        var decoders = new JsonArray(Step("Replace", Space, " "), new JsonObject { ["type"] = "ByteFallback" }, new JsonObject { ["type"] = "Fuse" });
        if (prefix)
            decoders.Add(new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 });
        var options = new JsonObject { ["byte_fallback"] = true, ["fuse_unk"] = true };
        if (values.Whole("tokenizer.ggml.unknown_token_id") is { } unknown)
            options["unk_token"] = Text(unknown, "unknown");
        else if (Array.IndexOf(types, Unknown) is >= 0 and var first)
            options["unk_token"] = tokens[first];
        return new TokenizerFile(
            Normalizers.Read(new JsonObject { ["type"] = "Sequence", ["normalizers"] = prefix ? new JsonArray(prepend, replace) : new JsonArray(replace) }, json),
            PreTokenizers.Read(null, json),
            BytePairModel.Of(vocabulary, Merges(), options, json),
            Around(values.Flag("tokenizer.ggml.add_bos_token") ?? true, byteLevel: false),
            TokenDecoders.Read(new JsonObject { ["type"] = "Sequence", ["decoders"] = decoders }, json),
            Added());
    }

    /// <summary>Two tokens join where the vocabulary holds what they make; what has the higher score is joined first, of equals the leftmost.</summary>
    private Dictionary<(int, int), (int Rank, int Id)> Merges()
    {
        var scores = values.Numbers("tokenizer.ggml.scores") ?? throw new PeftException($"{header.Path}: 'tokenizer.ggml.scores' is missing.");
        if (scores.Length != tokens.Length)
            throw new PeftException($"{header.Path}: 'tokenizer.ggml.scores' has {scores.Length} entries for {tokens.Length} tokens.");
        return ScoredMerges.Of(vocabulary, tokens.Select((text, id) => (text, scores[id], TypeOf(id) is not (Unknown or Control or Unused or Byte))));
    }

    private JsonObject Config()
    {
        var config = new JsonObject { ["tokenizer_class"] = "PreTrainedTokenizerFast" };
        foreach (var (key, field) in new[] { ("bos", "bos_token"), ("eos", "eos_token"), ("unknown", "unk_token"), ("padding", "pad_token"), ("mask", "mask_token") })
        {
            if (values.Whole($"tokenizer.ggml.{key}_token_id") is { } id)
                config[field] = Text(id, key);
        }

        if (values.Text("tokenizer.chat_template") is { } template)
            config["chat_template"] = template;
        return config;
    }

    /// <summary>Tokens that are found in a text before it is cut. Phi-3 takes the white space behind its own.</summary>
    private List<AddedToken> Added()
    {
        var phi = values.Text("general.architecture") == "phi3" && values.Text("tokenizer.ggml.model") == "llama";
        var added = new List<AddedToken>();
        for (var id = 0; id < types.Length; id++)
        {
            var text = tokens[id];
            if (types[id] is not (Unknown or Control or UserDefined) || text.Length == 0)
                continue;
            var content = types[id] == UserDefined ? text.Replace(Space, " ", StringComparison.Ordinal) : text;
            added.Add(new AddedToken(
                id, content, Special: types[id] != UserDefined, Normalized: false, SingleWord: false, TakesLeft: false,
                TakesRight: phi && content is not ("<unk>" or "<s>" or "<|endoftext|>")));
        }

        return added;
    }

    private PostProcessor Around(bool front, bool byteLevel)
    {
        var steps = new JsonArray();
        if (byteLevel)
            steps.Add(new JsonObject { ["type"] = "ByteLevel", ["trim_offsets"] = true, ["add_prefix_space"] = false });
        var (single, special) = (new JsonArray(), new JsonObject());
        void Token(string which)
        {
            if (values.Whole($"tokenizer.ggml.{which}_token_id") is not { } id)
                return;
            single.Add(new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = Text(id, which), ["type_id"] = 0 } });
            special[Text(id, which)] = new JsonObject { ["id"] = Text(id, which), ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(Text(id, which)) };
        }

        if (front)
            Token("bos");
        single.Add(new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } });
        if (values.Flag("tokenizer.ggml.add_eos_token") == true)
            Token("eos");
        steps.Add(new JsonObject { ["type"] = "TemplateProcessing", ["single"] = single, ["pair"] = new JsonArray(), ["special_tokens"] = special });
        return PostProcessor.Read(new JsonObject { ["type"] = "Sequence", ["processors"] = steps }, json);
    }

    private static JsonObject Step(string type, string from, string to) =>
        new() { ["type"] = type, ["pattern"] = new JsonObject { ["String"] = from }, ["content"] = to };

    private string Text(int id, string which) => id >= 0 && id < tokens.Length
        ? tokens[id]
        : throw new PeftException($"{header.Path}: tokenizer.ggml.{which}_token_id is {id}, there are {tokens.Length} tokens.");

    private int TypeOf(int id) => id < types.Length ? types[id] : 1;

    private int? Id(string text) => vocabulary.TryGetValue(text, out var id) ? id : null;
}
