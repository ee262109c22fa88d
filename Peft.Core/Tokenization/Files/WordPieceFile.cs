using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>BERT's <c>vocab.txt</c>: a piece a line, its number is the id.</summary>
internal static class WordPieceFile
{
    /// <summary>The steps of a BERT tokenizer with this vocabulary.</summary>
    /// <exception cref="PeftException">The beginning, end or unknown token is not in the vocabulary.</exception>
    public static JsonObject Pipeline(string path, JsonObject config)
    {
        if (TokenizerClass.Name(config).Length == 0)
            config["tokenizer_class"] = "BertTokenizer";
        var vocabulary = new JsonObject();
        var id = 0;
        foreach (var line in File.ReadLines(path))
            vocabulary[line.TrimEnd('\r', '\n')] = id++;
        int Id(string token) => vocabulary[token]?.GetValue<int>() ?? throw new PeftException($"{path}: the vocabulary lacks '{token}', which a BERT tokenizer needs.");
        string Role(string role, string absent) => SpecialTokens.Text(config[role]) ?? absent;
        var (cls, sep, unknown) = (Role("cls_token", "[CLS]"), Role("sep_token", "[SEP]"), Role("unk_token", "[UNK]"));
        _ = Id(unknown);
        return new JsonObject
        {
            ["normalizer"] = new JsonObject
            {
                ["type"] = "BertNormalizer", ["clean_text"] = true, ["handle_chinese_chars"] = TokenizerClass.Flag(config, "tokenize_chinese_chars", true),
                ["strip_accents"] = config["strip_accents"]?.DeepClone(), ["lowercase"] = TokenizerClass.Flag(config, "do_lower_case", true),
            },
            ["pre_tokenizer"] = Pipelines.Step("BertPreTokenizer"),
            ["model"] = new JsonObject
            {
                ["type"] = "WordPiece", ["unk_token"] = unknown, ["continuing_subword_prefix"] = "##", ["max_input_chars_per_word"] = 100, ["vocab"] = vocabulary,
            },
            ["post_processor"] = Pipelines.Template($"{cls} A {sep}", $"{cls} A {sep} B:1 {sep}:1", Id),
            ["decoder"] = new JsonObject { ["type"] = "WordPiece", ["prefix"] = "##", ["cleanup"] = true },
        };
    }
}
