using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>A token of a word.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Start">First UTF-16 unit of the word that it covers.</param>
/// <param name="End">One past the last.</param>
internal readonly record struct WordToken(int Id, int Start, int End);

/// <summary>Turns words into ids: <c>model</c> in <c>tokenizer.json</c>.</summary>
internal interface IWordModel
{
    /// <summary>Every entry with its id.</summary>
    IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>The id whose tokens show the characters they stand for, since it says nothing itself; null for none.</summary>
    int? SurfaceId => null;

    /// <summary>The tokens of a word.</summary>
    IEnumerable<WordToken> Tokens(string word);
}

/// <summary>Makes models from their JSON.</summary>
internal static class WordModels
{
    /// <summary>The model that a node describes.</summary>
    /// <exception cref="PeftException">A type that is not known, or a damaged vocabulary.</exception>
    public static IWordModel Read(JsonNode? node, PipelineJson json)
    {
        // Older files leave the type out; the fields tell.
        var type = json.Text(node, "type") ?? (node?["merges"] is not null ? "BPE" : node?["vocab"] is JsonArray ? "Unigram" : "WordPiece");
        return type switch
        {
            "BPE" => BytePairModel.Read(node!, json),
            "WordPiece" => new WordPieceModel(
                Vocabulary(node!, json), json.Text(node, "unk_token") ?? "[UNK]", json.Text(node, "continuing_subword_prefix") ?? "##", json.Whole(node, "max_input_chars_per_word") ?? 100),
            "Unigram" => UnigramModel.Read(node!, json),
            "WordLevel" => new WordLevelModel(Vocabulary(node!, json), json.Text(node, "unk_token")),
            _ => throw json.Unknown("model", type, "BPE, WordPiece, Unigram, WordLevel"),
        };
    }

    internal static Dictionary<string, int> Vocabulary(JsonNode model, PipelineJson json)
    {
        if (model["vocab"] is not JsonObject entries)
            throw json.Unusable("field 'model.vocab' is missing or no object.");
        var vocabulary = new Dictionary<string, int>(entries.Count, StringComparer.Ordinal);
        foreach (var (token, id) in entries)
            vocabulary[token] = id is JsonValue value && value.TryGetValue<int>(out var number) ? number : throw json.Unusable($"the id of '{token}' in 'model.vocab' is no whole number.");
        return vocabulary;
    }
}

/// <summary>Whole words only.</summary>
internal sealed class WordLevelModel(IReadOnlyDictionary<string, int> vocabulary, string? unknown) : IWordModel
{
    public IReadOnlyDictionary<string, int> Vocabulary => vocabulary;

    public IEnumerable<WordToken> Tokens(string word)
    {
        if (vocabulary.TryGetValue(word, out var id) || (unknown is not null && vocabulary.TryGetValue(unknown, out id)))
            yield return new WordToken(id, 0, word.Length);
    }
}

/// <summary>The longest known beginning again and again (BERT). https://arxiv.org/abs/1609.08144</summary>
internal sealed class WordPieceModel(IReadOnlyDictionary<string, int> vocabulary, string unknown, string prefix, int longest) : IWordModel
{
    public IReadOnlyDictionary<string, int> Vocabulary => vocabulary;

    public IEnumerable<WordToken> Tokens(string word)
    {
        if (word.EnumerateRunes().Count() <= longest)
        {
            var tokens = new List<WordToken>();
            var start = 0;
            while (start < word.Length && Longest(word, start) is { } found)
            {
                tokens.Add(found);
                start = found.End;
            }

            if (start == word.Length)
                return tokens;
        }

        return vocabulary.TryGetValue(unknown, out var id) ? [new WordToken(id, 0, word.Length)] : [];
    }

    private WordToken? Longest(string word, int start)
    {
        for (var end = word.Length; end > start; end--)
        {
            if (end < word.Length && char.IsLowSurrogate(word[end]))
                continue;
            var piece = start == 0 ? word[..end] : prefix + word[start..end];
            if (vocabulary.TryGetValue(piece, out var id))
                return new WordToken(id, start, end);
        }

        return null;
    }
}
