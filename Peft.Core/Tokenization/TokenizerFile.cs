using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization;

/// <summary>One entry of <c>added_tokens</c>: matched in the text before anything else.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Left out when text is decoded for people.</param>
internal sealed record AddedToken(int Id, string Content, bool Special);

/// <summary>What is read from <c>tokenizer.json</c>; what this version cannot express is refused by name, never ignored.</summary>
internal sealed record TokenizerFile(
    IReadOnlyDictionary<string, int> Vocabulary, IReadOnlyList<string> Merges, IReadOnlyList<SplitRule> Splits, IReadOnlyList<AddedToken> Added)
{
    public static TokenizerFile Read(string path)
    {
        if (!File.Exists(path))
            throw new PeftException($"{path} is missing; a base model needs its tokenizer.json.");
        JsonNode root;
        try
        {
            using var stream = File.OpenRead(path);
            root = JsonNode.Parse(stream) ?? throw new PeftException($"{path}: the file holds 'null' instead of a tokenizer.");
        }
        catch (JsonException error)
        {
            throw new PeftException($"{path}, line {error.LineNumber + 1}: not valid JSON: {error.Message}", error);
        }

        var model = Object(root, "model", path);
        Require(Text(model, "type") is "BPE", path, "model.type", Text(model, "type"), "BPE");
        Require(model["unk_token"] is null, path, "model.unk_token", model["unk_token"]?.ToString(), "null");
        Require(model["byte_fallback"]?.GetValue<bool>() is not true, path, "model.byte_fallback", "true", "false");
        Require(model["ignore_merges"]?.GetValue<bool>() is not true, path, "model.ignore_merges", "true", "false");
        Require(string.IsNullOrEmpty(Text(model, "continuing_subword_prefix")), path, "model.continuing_subword_prefix", "a prefix", "null");
        Require(string.IsNullOrEmpty(Text(model, "end_of_word_suffix")), path, "model.end_of_word_suffix", "a suffix", "null");
        Require(root["normalizer"] is null, path, "normalizer", Text(root["normalizer"], "type"), "null");
        return new TokenizerFile(ReadVocabulary(model, path), ReadMerges(model, path), ReadSplits(root["pre_tokenizer"], path), ReadAdded(root, path));
    }

    private static Dictionary<string, int> ReadVocabulary(JsonObject model, string path)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in Object(model, "vocab", path))
            vocabulary[token] = id!.GetValue<int>();
        return vocabulary;
    }

    private static List<string> ReadMerges(JsonObject model, string path)
    {
        var merges = model["merges"] as JsonArray ?? throw new PeftException($"{path}: field 'model.merges' is missing.");
        return [.. merges.Select(merge => merge is JsonArray { Count: 2 } pair ? $"{pair[0]} {pair[1]}" : merge!.ToString())];
    }

    private static List<SplitRule> ReadSplits(JsonNode? node, string path)
    {
        var steps = node is null ? []
            : Text(node, "type") == "Sequence" ? ((JsonArray)node["pretokenizers"]!).ToArray()
            : [node];
        var splits = new List<SplitRule>();
        var byteLevel = false;
        foreach (var step in steps)
        {
            var type = Text(step!, "type");
            if (type == "ByteLevel")
            {
                byteLevel = true;
                Require(step!["add_prefix_space"]?.GetValue<bool>() is not true, path, "pre_tokenizer.add_prefix_space", "true", "false");
                if (step["use_regex"]?.GetValue<bool>() is not false)
                    splits.Add(new SplitRule(SplitRule.Gpt2Pattern));
                continue;
            }

            Require(type == "Split", path, "pre_tokenizer.type", type, "Split, ByteLevel or a Sequence of them");
            Require(Text(step!, "behavior") == "Isolated", path, "pre_tokenizer.behavior", Text(step!, "behavior"), "Isolated");
            Require(step!["invert"]?.GetValue<bool>() is not true, path, "pre_tokenizer.invert", "true", "false");
            var pattern = Text(step["pattern"]!, "Regex") ?? System.Text.RegularExpressions.Regex.Escape(Text(step["pattern"]!, "String") ?? "");
            try
            {
                splits.Add(new SplitRule(pattern));
            }
            catch (System.Text.RegularExpressions.RegexParseException error)
            {
                throw new PeftException($"{path}: field 'pre_tokenizer.pattern' is no expression that .NET can read: {error.Message}", error);
            }
        }

        Require(byteLevel, path, "pre_tokenizer", node?.ToJsonString() ?? "null", "one that contains ByteLevel");
        return splits;
    }

    private static List<AddedToken> ReadAdded(JsonNode root, string path)
    {
        var added = new List<AddedToken>();
        foreach (var token in root["added_tokens"] as JsonArray ?? [])
        {
            var content = Text(token!, "content") ?? throw new PeftException($"{path}: an entry of 'added_tokens' has no 'content'.");
            foreach (var flag in new[] { "lstrip", "rstrip", "single_word" })
                Require(token![flag]?.GetValue<bool>() is not true, path, $"added_tokens '{content}' {flag}", "true", "false");
            added.Add(new AddedToken(token!["id"]!.GetValue<int>(), content, token["special"]?.GetValue<bool>() ?? false));
        }

        return added;
    }

    private static JsonObject Object(JsonNode node, string name, string path) =>
        node[name] as JsonObject ?? throw new PeftException($"{path}: field '{name}' is missing or no object.");

    private static string? Text(JsonNode? node, string name) => node?[name]?.GetValue<string>();

    private static void Require(bool holds, string path, string field, string? found, string supported)
    {
        if (!holds)
            throw new PeftException($"{path}: field '{field}' is {found ?? "missing"}; supported is {supported}.");
    }
}
