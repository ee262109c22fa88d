using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>
/// Byte-pair encoding: a word starts as its characters, and the pair that was learnt first is joined first. Words that were seen before are
/// remembered. https://arxiv.org/abs/1508.07909
/// </summary>
internal sealed class BytePairModel : IWordModel
{
    private const int Remembered = 50_000;
    private const int RememberedLength = 64;

    private readonly Dictionary<string, int> vocabulary;
    private readonly Dictionary<(int, int), (int Rank, int Id)> merges;
    private readonly ConcurrentDictionary<string, WordToken[]> cache = new(StringComparer.Ordinal);
    private readonly string prefix;
    private readonly string suffix;
    private readonly int? unknown;
    private readonly bool fuseUnknown;
    private readonly bool byteFallback;
    private readonly bool ignoreMerges;

    private BytePairModel(Dictionary<string, int> vocabulary, Dictionary<(int, int), (int Rank, int Id)> merges, JsonNode node, PipelineJson json)
    {
        this.vocabulary = vocabulary;
        this.merges = merges;
        prefix = json.Text(node, "continuing_subword_prefix") ?? "";
        suffix = json.Text(node, "end_of_word_suffix") ?? "";
        unknown = json.Text(node, "unk_token") is { } text && vocabulary.TryGetValue(text, out var id) ? id : null;
        fuseUnknown = json.Flag(node, "fuse_unk", false);
        byteFallback = json.Flag(node, "byte_fallback", false);
        ignoreMerges = json.Flag(node, "ignore_merges", false);
    }

    public IReadOnlyDictionary<string, int> Vocabulary => vocabulary;

    /// <summary>A model whose merges stand elsewhere than in its JSON; those of equal rank are joined from the left.</summary>
    public static BytePairModel Of(Dictionary<string, int> vocabulary, Dictionary<(int, int), (int Rank, int Id)> merges, JsonNode options, PipelineJson json) =>
        new(vocabulary, merges, options, json);

    public static BytePairModel Read(JsonNode node, PipelineJson json)
    {
        var vocabulary = WordModels.Vocabulary(node, json);
        var prefix = json.Text(node, "continuing_subword_prefix") ?? "";
        var merges = new Dictionary<(int, int), (int, int)>();
        var rank = 0;
        foreach (var merge in json.List(node, "merges"))
        {
            var (left, right) = Pair(merge, json);
            var joined = left + (prefix.Length > 0 && right.StartsWith(prefix, StringComparison.Ordinal) ? right[prefix.Length..] : right);
            if (!vocabulary.TryGetValue(left, out var a) || !vocabulary.TryGetValue(right, out var b) || !vocabulary.TryGetValue(joined, out var id))
                throw json.Unusable($"merge {rank + 1} joins '{left}' and '{right}', but the vocabulary lacks one of them or what they make.");
            merges.TryAdd((a, b), (rank++, id));
        }

        return new BytePairModel(vocabulary, merges, node, json);
    }

    public IEnumerable<WordToken> Tokens(string word)
    {
        if (word.Length == 0)
            return [];
        if (cache.TryGetValue(word, out var known))
            return known;
        WordToken[] tokens = ignoreMerges && vocabulary.TryGetValue(word, out var whole) ? [new WordToken(whole, 0, word.Length)] : Merge(Characters(word));
        if (word.Length <= RememberedLength && cache.Count < Remembered)
            cache.TryAdd(word, tokens);
        return tokens;
    }

    private static (string Left, string Right) Pair(JsonNode? merge, PipelineJson json)
    {
        if (merge is JsonArray { Count: 2 } pair)
            return (pair[0]!.ToString(), pair[1]!.ToString());
        var parts = merge?.ToString().Split(' ') ?? [];
        return parts.Length == 2 ? (parts[0], parts[1]) : throw json.Unusable($"'{merge}' in 'model.merges' is no pair.");
    }

    /// <summary>The characters as tokens; unknown ones as their bytes or as the unknown token.</summary>
    private List<WordToken> Characters(string word)
    {
        var tokens = new List<WordToken>(word.Length);
        var lastUnknown = false;
        for (var i = 0; i < word.Length;)
        {
            var rune = Rune.TryGetRuneAt(word, i, out var found) ? found : Rune.ReplacementChar;
            var end = i + rune.Utf16SequenceLength;
            var piece = (i > 0 ? prefix : "") + rune + (end == word.Length ? suffix : "");
            if (vocabulary.TryGetValue(piece, out var id))
            {
                tokens.Add(new WordToken(id, i, end));
                lastUnknown = false;
            }
            else if (byteFallback && Bytes(piece) is { } bytes)
            {
                tokens.AddRange(bytes.Select(b => new WordToken(b, i, end)));
                lastUnknown = false;
            }
            else if (unknown is { } stand)
            {
                if (fuseUnknown && lastUnknown)
                    tokens[^1] = tokens[^1] with { End = end };
                else
                    tokens.Add(new WordToken(stand, i, end));
                lastUnknown = true;
            }

            i = end;
        }

        return tokens;
    }

    private int[]? Bytes(string piece)
    {
        var ids = Encoding.UTF8.GetBytes(piece).Select(b => vocabulary.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"<0x{b:X2}>"), out var id) ? id : -1).ToArray();
        return ids.Contains(-1) ? null : ids;
    }

    private WordToken[] Merge(List<WordToken> tokens)
    {
        var count = tokens.Count;
        if (count < 2)
            return [.. tokens];
        var (next, previous, alive) = (new int[count], new int[count], new bool[count]);
        var queue = new PriorityQueue<(int At, int Left, int Right, int Id), (int Rank, int At)>();
        for (var i = 0; i < count; i++)
            (next[i], previous[i], alive[i]) = (i + 1, i - 1, true);
        void Offer(int at)
        {
            if (at >= 0 && next[at] < count && merges.TryGetValue((tokens[at].Id, tokens[next[at]].Id), out var merge))
                queue.Enqueue((at, tokens[at].Id, tokens[next[at]].Id, merge.Id), (merge.Rank, at));
        }

        for (var i = 0; i < count - 1; i++)
            Offer(i);
        while (queue.TryDequeue(out var merge, out _))
        {
            var at = merge.At;
            if (!alive[at] || tokens[at].Id != merge.Left || next[at] >= count || tokens[next[at]].Id != merge.Right)
                continue;
            var right = next[at];
            tokens[at] = new WordToken(merge.Id, tokens[at].Start, tokens[right].End);
            alive[right] = false;
            next[at] = next[right];
            if (next[at] < count)
                previous[next[at]] = at;
            Offer(previous[at]);
            Offer(at);
        }

        return [.. tokens.Where((_, i) => alive[i])];
    }
}
