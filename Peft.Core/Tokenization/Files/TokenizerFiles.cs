using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>What a model folder says of its tokenizer: the steps as <c>tokenizer.json</c> writes them, whatever files they came from, and the settings.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Path">The file that the steps were read from, for messages.</param>
/// <param name="Pipeline">The steps.</param>
/// <param name="Config">tokenizer_config.json, completed from the older files.</param>
internal sealed record TokenizerFiles(string Folder, string Path, JsonObject Pipeline, JsonObject Config)
{
    /// <summary>Names of files that hold a SentencePiece model or, for some, ranks of byte strings.</summary>
    private static readonly string[] s_models = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model", "sentencepiece.model"];

    /// <summary>Reads a folder: tokenizer.json where it is there, else the vocabulary in an older form.</summary>
    /// <exception cref="PeftException">No file that is known, or a damaged one.</exception>
    public static TokenizerFiles Read(string folder)
    {
        var config = Settings(folder);
        string? There(string name) => File.Exists(System.IO.Path.Combine(folder, name)) ? System.IO.Path.Combine(folder, name) : null;
        if (There("tokenizer.json") is { } json)
            return new TokenizerFiles(folder, json, Required(json), config);
        if (s_models.Select(There).FirstOrDefault(found => found is not null) is { } model)
        {
            return TiktokenFile.IsOne(model)
                ? new TokenizerFiles(folder, model, TiktokenFile.Pipeline(model, config), config)
                : new TokenizerFiles(folder, model, SentencePiecePipeline.Of(SentencePieceFile.Read(model), config), config);
        }

        if (There("vocab.json") is { } vocabulary && There("merges.txt") is { } merges)
            return new TokenizerFiles(folder, vocabulary, MergesFile.Pipeline(Required(vocabulary), merges, config), config);
        if (There("vocab.txt") is { } words)
            return new TokenizerFiles(folder, words, WordPieceFile.Pipeline(words, config), config);
        if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.tiktoken").Order(StringComparer.Ordinal).FirstOrDefault() is { } ranks)
            return new TokenizerFiles(folder, ranks, TiktokenFile.Pipeline(ranks, config), config);
        throw new PeftException(
            $"{System.IO.Path.Combine(folder, "tokenizer.json")} is missing; a base model needs its tokenizer.json, tokenizer.model, vocab.json with merges.txt, vocab.txt or a .tiktoken file.");
    }

    /// <summary>tokenizer_config.json; what only the older files say is added: roles, added tokens, chat template, and the class by the kind of model.</summary>
    private static JsonObject Settings(string folder)
    {
        var config = Optional(folder, "tokenizer_config.json") ?? [];
        if (config["added_tokens_decoder"] is not JsonObject)
        {
            foreach (var (role, token) in Optional(folder, "special_tokens_map.json") ?? [])
            {
                if (token is not null)
                    config[role] = token.DeepClone();
            }

            if (Optional(folder, "added_tokens.json") is { } added)
            {
                var special = SpecialTokens.All(config).Select(SpecialTokens.Text).ToHashSet(StringComparer.Ordinal);
                config["added_tokens_decoder"] = new JsonObject(added.Where(pair => pair.Value is JsonValue).Select(pair => new KeyValuePair<string, JsonNode?>(
                    pair.Value!.ToJsonString(), SpecialTokens.Entry(0, pair.Key, special.Contains(pair.Key)))));
            }
        }

        if (config["tokenizer_class"] is null && Optional(folder, "config.json")?["model_type"] is JsonValue kind && kind.TryGetValue<string>(out var type)
            && TokenizerClass.OfModelType(type) is { } name)
            config["tokenizer_class"] = name;
        var template = System.IO.Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(template))
            config["chat_template"] = File.ReadAllText(template);
        else if (config["chat_template"] is null && Optional(folder, "chat_template.json")?["chat_template"] is { } apart)
            config["chat_template"] = apart.DeepClone();
        return config;
    }

    private static JsonObject? Optional(string folder, string name)
    {
        var path = System.IO.Path.Combine(folder, name);
        return File.Exists(path) ? Required(path) : null;
    }

    private static JsonObject Required(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return JsonNode.Parse(stream) as JsonObject ?? throw new PeftException($"{path}: is no JSON object.");
        }
        catch (JsonException error)
        {
            throw new PeftException($"{path}, line {error.LineNumber + 1}: not valid JSON: {error.Message}", error);
        }
    }
}
