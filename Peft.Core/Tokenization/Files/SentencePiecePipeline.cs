using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>
/// A SentencePiece model as the steps of a tokenizer.json, in the way of the model's class: Llama, Gemma, T5, XLM-RoBERTa, ALBERT, or the plain
/// one. Source: transformers, convert_slow_tokenizer.
/// </summary>
internal static class SentencePiecePipeline
{
    private const string Space = "▁";

    /// <summary>The steps.</summary>
    public static JsonObject Of(SentencePieceFile file, JsonObject config)
    {
        if (TokenizerClass.Name(config).Length == 0)
            config["tokenizer_class"] = file.IsBytePair ? "LlamaTokenizer" : "T5Tokenizer";
        return TokenizerClass.Name(config) switch
        {
            "GemmaTokenizer" => Gemma(file),
            "T5Tokenizer" => T5(file, config),
            "XLMRobertaTokenizer" or "CamembertTokenizer" => XlmRoberta(file),
            "AlbertTokenizer" => Albert(file, config),
            _ when file.IsBytePair => Llama(file, config),
            _ => Plain(file, file.Pieces, file.UnknownId, config),
        };
    }

    private static JsonObject Llama(SentencePieceFile file, JsonObject config)
    {
        var (legacy, prefix) = (TokenizerClass.Flag(config, "legacy", true), TokenizerClass.Flag(config, "add_prefix_space", true));
        var made = new JsonObject
        {
            ["model"] = Model(file, file.Pieces, file.UnknownId, bytes: true),
            ["added_tokens"] = Added(file.Pieces),
            ["decoder"] = Pipelines.Sequence(
                "decoders", Pipelines.Replace(Space, " "), Pipelines.Step("ByteFallback"), Pipelines.Step("Fuse"),
                prefix ? new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 } : null),
        };
        if (legacy)
        {
            var prepend = prefix ? new JsonObject { ["type"] = "Prepend", ["prepend"] = Space } : null;
            made["normalizer"] = Pipelines.Sequence("normalizers", prepend, Pipelines.Replace(" ", Space));
        }
        else
        {
            made["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Metaspace", ["replacement"] = Space, ["prepend_scheme"] = prefix ? "first" : "never", ["split"] = false,
            };
        }

        return made;
    }

    private static JsonObject Gemma(SentencePieceFile file)
    {
        var pieces = file.Pieces.Select(piece => piece.Text == "<0x09>" ? piece with { Text = "\t" } : piece).ToArray();
        return new JsonObject
        {
            ["normalizer"] = Pipelines.Replace(" ", Space),
            ["pre_tokenizer"] = Pipelines.Split(" ", "String", "MergedWithPrevious"),
            ["model"] = Model(file, pieces, file.UnknownId, bytes: true),
            ["added_tokens"] = Added(pieces),
            ["decoder"] = Pipelines.Sequence("decoders", Pipelines.Replace(Space, " "), Pipelines.Step("ByteFallback"), Pipelines.Step("Fuse")),
        };
    }

    private static JsonObject T5(SentencePieceFile file, JsonObject config)
    {
        var extra = config["extra_ids"] is JsonValue value && value.TryGetValue<int>(out var count) ? count : 100;
        var sentinels = Enumerable.Range(0, extra).Select(i => $"<extra_id_{i}>").ToArray();
        if (config["additional_special_tokens"] is null)
            config["additional_special_tokens"] = new JsonArray([.. sentinels.Select(text => (JsonNode)text)]);
        SentencePiece[] pieces = [.. file.Pieces, .. sentinels.Reverse().Select(text => new SentencePiece(text, 0, SentencePiece.Control))];
        var made = Plain(file, pieces, file.UnknownId, config);
        made["post_processor"] = Pipelines.Template("A </s>", "A </s> B </s>", token => Id(file, pieces, token));
        return made;
    }

    private static JsonObject XlmRoberta(SentencePieceFile file)
    {
        SentencePiece Control(string text) => new(text, 0, SentencePiece.Control);
        SentencePiece[] pieces = [Control("<s>"), Control("<pad>"), Control("</s>"), new("<unk>", 0, SentencePiece.Unknown), .. file.Pieces.Skip(3), Control("<mask>")];
        var made = Plain(file, pieces, 3, []);
        made["post_processor"] = Pipelines.Template("<s> A </s>", "<s> A </s> </s> B </s>", token => Id(file, pieces, token));
        foreach (var token in made["added_tokens"]!.AsArray())
        {
            if (SpecialTokens.Text(token) == "<mask>")
                token!["lstrip"] = true;
        }

        return made;
    }

    private static JsonObject Albert(SentencePieceFile file, JsonObject config)
    {
        // A number with a comma behind it is made unlikely, since ALBERT cuts them apart.
        var pieces = file.Pieces.Select(piece => piece.Text.Length >= 2 && piece.Text[^1] == ',' && char.IsDigit(piece.Text[^2]) ? piece with { Score = piece.Score - 100 } : piece).ToArray();
        var made = Plain(file, pieces, file.UnknownId, config);
        var accents = TokenizerClass.Flag(config, "keep_accents", false);
        made["normalizer"] = Pipelines.Sequence(
            "normalizers", Pipelines.Replace("``", "\""), Pipelines.Replace("''", "\""), accents ? null : Pipelines.Step("NFKD"), accents ? null : Pipelines.Step("StripAccents"),
            TokenizerClass.Flag(config, "do_lower_case", true) ? Pipelines.Step("Lowercase") : null, Map(file), Pipelines.Replace(" {2,}", " ", "Regex"));
        made["post_processor"] = Pipelines.Template("[CLS] A [SEP]", "[CLS] A [SEP] B:1 [SEP]:1", token => Id(file, pieces, token));
        return made;
    }

    private static JsonObject Plain(SentencePieceFile file, IReadOnlyList<SentencePiece> pieces, int unknown, JsonObject config)
    {
        var scheme = TokenizerClass.Flag(config, "add_prefix_space", true) ? "always" : "never";
        JsonObject Meta() => new() { ["type"] = "Metaspace", ["replacement"] = Space, ["prepend_scheme"] = scheme, ["split"] = true };
        return new JsonObject
        {
            ["normalizer"] = Pipelines.Sequence(
                "normalizers", Map(file), new JsonObject { ["type"] = "Strip", ["strip_left"] = false, ["strip_right"] = true }, Pipelines.Replace(" {2,}", Space, "Regex")),
            ["pre_tokenizer"] = Meta(),
            ["model"] = Model(file, pieces, unknown, file.ByteFallback),
            ["added_tokens"] = Added(pieces),
            ["decoder"] = Meta(),
        };
    }

    private static JsonObject? Map(SentencePieceFile file) => file.CharacterMap.Length == 0 ? null
        : new JsonObject { ["type"] = "Precompiled", ["precompiled_charsmap"] = Convert.ToBase64String(file.CharacterMap) };

    private static JsonObject Model(SentencePieceFile file, IReadOnlyList<SentencePiece> pieces, int unknown, bool bytes)
    {
        if (unknown < 0 || unknown >= pieces.Count)
            throw new PeftException($"{file.Path}: the unknown token has id {unknown}, but there are {pieces.Count} pieces.");
        if (!file.IsBytePair)
        {
            return new JsonObject
            {
                ["type"] = "Unigram", ["unk_id"] = unknown, ["byte_fallback"] = bytes,
                ["vocab"] = new JsonArray([.. pieces.Select(piece => (JsonNode)new JsonArray(piece.Text, (double)piece.Score))]),
            };
        }

        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < pieces.Count; i++)
            ids.TryAdd(pieces[i].Text, i);
        return new JsonObject
        {
            ["type"] = "BPE", ["unk_token"] = pieces[unknown].Text, ["fuse_unk"] = true, ["byte_fallback"] = bytes,
            ["vocab"] = new JsonObject(ids.Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, pair.Value))),
            ["merges"] = Pipelines.Merges(pieces.Select(piece => (piece.Text, (double)piece.Score)), ids),
        };
    }

    private static JsonArray Added(IReadOnlyList<SentencePiece> pieces) =>
    [
        .. pieces.Select((piece, id) => (piece, id)).Where(pair => pair.piece.Type is SentencePiece.Control or SentencePiece.UserDefined)
            .Select(pair => (JsonNode)SpecialTokens.Entry(pair.id, pair.piece.Text, pair.piece.Type == SentencePiece.Control, new JsonObject { ["normalized"] = false })),
    ];

    private static int Id(SentencePieceFile file, SentencePiece[] pieces, string token) => Array.FindIndex(pieces, piece => piece.Text == token) is >= 0 and var id
        ? id
        : throw new PeftException($"{file.Path}: the vocabulary lacks '{token}', which the tokenizer's class puts around texts.");
}
