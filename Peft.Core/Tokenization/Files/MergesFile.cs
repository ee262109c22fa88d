using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary><c>vocab.json</c> with <c>merges.txt</c>: byte-level BPE as GPT-2, RoBERTa, Qwen2 and CLIP have it; the class in the config tells which.</summary>
internal static class MergesFile
{
    private const string Qwen = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Clip = @"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    /// <summary>The steps of such a tokenizer.</summary>
    public static JsonObject Pipeline(JsonObject vocabulary, string merges, JsonObject config)
    {
        if (TokenizerClass.Name(config).Length == 0)
            config["tokenizer_class"] = "GPT2Tokenizer";
        var model = new JsonObject
        {
            ["type"] = "BPE", ["continuing_subword_prefix"] = "", ["end_of_word_suffix"] = "", ["fuse_unk"] = false, ["byte_fallback"] = false,
            ["vocab"] = vocabulary, ["merges"] = Merges(merges),
        };
        var prefix = TokenizerClass.Flag(config, "add_prefix_space", false);
        int Id(string token) => vocabulary[token]?.GetValue<int>() ?? throw new PeftException($"{merges}: the vocabulary beside it lacks '{token}'.");
        JsonObject Around(string front, string back, bool trims) => new()
        {
            ["type"] = "RobertaProcessing", ["cls"] = new JsonArray(front, Id(front)), ["sep"] = new JsonArray(back, Id(back)), ["add_prefix_space"] = trims && prefix, ["trim_offsets"] = trims,
        };
        string Role(string role, string absent) => SpecialTokens.Text(config[role]) ?? absent;
        var made = new JsonObject { ["model"] = model, ["decoder"] = Pipelines.ByteLevel(true, true) };
        switch (TokenizerClass.Name(config))
        {
            case "Qwen2Tokenizer":
                made["normalizer"] = Pipelines.Step("NFC");
                made["pre_tokenizer"] = Pipelines.Sequence("pretokenizers", Pipelines.Split(Qwen), Pipelines.ByteLevel(prefix, cuts: false));
                made["post_processor"] = Pipelines.ByteLevel(true, true, trims: false);
                break;
            case "CLIPTokenizer":
                model["end_of_word_suffix"] = "</w>";
                model["unk_token"] = Role("unk_token", "<|endoftext|>");
                made["normalizer"] = Pipelines.Sequence("normalizers", Pipelines.Step("NFC"), Pipelines.Replace(@"\s+", " ", "Regex"), Pipelines.Step("Lowercase"));
                var split = Pipelines.Split(Clip, behavior: "Removed");
                split["invert"] = true;
                made["pre_tokenizer"] = Pipelines.Sequence("pretokenizers", split, Pipelines.ByteLevel(false, cuts: true));
                made["post_processor"] = Around(Role("bos_token", "<|startoftext|>"), Role("eos_token", "<|endoftext|>"), trims: false);
                made["decoder"] = Pipelines.Sequence("decoders", Pipelines.Step("ByteLevel"), Pipelines.Replace("</w>", " "));
                break;
            case "RobertaTokenizer" or "BartTokenizer" or "LongformerTokenizer" or "LEDTokenizer" or "MvpTokenizer":
                made["pre_tokenizer"] = Pipelines.ByteLevel(prefix, cuts: true);
                made["post_processor"] = Around(Role("cls_token", "<s>"), Role("sep_token", "</s>"), trims: true);
                break;
            default:
                made["pre_tokenizer"] = Pipelines.ByteLevel(prefix, cuts: true);
                made["post_processor"] = TokenizerClass.Flag(config, "add_bos_token", false) && SpecialTokens.Text(config["bos_token"]) is { } bos
                    ? Pipelines.Template($"{bos} A", $"{bos} A {bos}:1 B:1", Id)
                    : Pipelines.ByteLevel(true, true, trims: false);
                break;
        }

        return made;
    }

    private static JsonArray Merges(string path) =>
    [
        .. File.ReadLines(path).Where((line, i) => line.Length > 0 && !(i == 0 && line.StartsWith("#version", StringComparison.Ordinal))).Select((line, i) =>
        {
            var parts = line.TrimEnd('\r').Split(' ');
            return parts.Length == 2 ? (JsonNode)new JsonArray(parts[0], parts[1]) : throw new PeftException($"{path}: merge {i + 1} ('{line}') is no pair.");
        }),
    ];
}
