using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>
/// Unigram language model: of all ways to cut a word into known pieces, the one with the highest sum of scores. https://arxiv.org/abs/1804.10959
/// </summary>
internal sealed class UnigramModel : IWordModel
{
    /// <summary>An unknown character scores this much less than the worst piece.</summary>
    private const double UnknownPenalty = 10;

    private readonly Dictionary<string, int> ids;
    private readonly double[] scores;
    private readonly int? unknown;
    private readonly bool byteFallback;
    private readonly int longest;
    private readonly double unknownScore;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup;

    private UnigramModel(Dictionary<string, int> ids, double[] scores, int? unknown, bool byteFallback)
    {
        this.ids = ids;
        this.scores = scores;
        this.unknown = unknown;
        this.byteFallback = byteFallback;
        longest = ids.Keys.Select(piece => piece.Length).DefaultIfEmpty(0).Max();
        unknownScore = scores.DefaultIfEmpty(0).Min() - UnknownPenalty;
        lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public IReadOnlyDictionary<string, int> Vocabulary => ids;

    public int? SurfaceId => unknown;

    public static UnigramModel Read(JsonNode node, PipelineJson json)
    {
        var entries = json.List(node, "vocab");
        if (entries.Count == 0)
            throw json.Unusable("field 'model.vocab' is missing or empty.");
        var ids = new Dictionary<string, int>(entries.Count, StringComparer.Ordinal);
        var scores = new double[entries.Count];
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i] is not JsonArray { Count: 2 } pair || pair[0] is not JsonValue piece || !piece.TryGetValue<string>(out var text)
                || pair[1] is not JsonValue score || !score.TryGetValue<double>(out scores[i]))
                throw json.Unusable($"entry {i} of 'model.vocab' is no pair of piece and score.");
            ids.TryAdd(text, i);
        }

        var unknown = json.Whole(node, "unk_id");
        if (unknown is { } id && (id < 0 || id >= scores.Length))
            throw json.Unusable($"field 'model.unk_id' is {id}, but the vocabulary has {scores.Length} pieces.");
        return new UnigramModel(ids, scores, unknown, json.Flag(node, "byte_fallback", false));
    }

    public IEnumerable<WordToken> Tokens(string word)
    {
        foreach (var (start, end, id) in Best(word))
        {
            if (id is { } known)
                yield return new WordToken(known, start, end);
            else if (byteFallback && Bytes(word[start..end]) is { } bytes)
            {
                foreach (var b in bytes)
                    yield return new WordToken(b, start, end);
            }
            else if (unknown is { } stand)
            {
                yield return new WordToken(stand, start, end);
            }
        }
    }

    /// <summary>The best cut; unknown characters beside each other are one piece.</summary>
    private List<(int Start, int End, int? Id)> Best(string word)
    {
        var best = new (double Score, int From, int? Id)[word.Length + 1];
        for (var i = 1; i <= word.Length; i++)
            best[i] = (double.NegativeInfinity, -1, null);
        for (var start = 0; start < word.Length; start++)
        {
            if (double.IsNegativeInfinity(best[start].Score) || (start > 0 && char.IsLowSurrogate(word[start])))
                continue;
            var first = char.IsHighSurrogate(word[start]) && start + 1 < word.Length ? 2 : 1;
            var alone = false;
            for (var length = first; length <= longest && start + length <= word.Length; length++)
            {
                if (!lookup.TryGetValue(word.AsSpan(start, length), out var id))
                    continue;
                alone |= length == first;
                var score = best[start].Score + scores[id];
                if (score > best[start + length].Score)
                    best[start + length] = (score, start, id);
            }

            if (!alone && best[start].Score + unknownScore > best[start + first].Score)
                best[start + first] = (best[start].Score + unknownScore, start, null);
        }

        var path = new List<(int Start, int End, int? Id)>();
        for (var end = word.Length; end > 0; end = best[end].From)
        {
            var (_, from, id) = best[end];
            if (id is null && path.Count > 0 && path[^1].Id is null)
                path[^1] = (from, path[^1].End, null);
            else
                path.Add((from, end, id));
        }

        path.Reverse();
        return path;
    }

    private int[]? Bytes(string piece)
    {
        var found = Encoding.UTF8.GetBytes(piece).Select(b => ids.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"<0x{b:X2}>"), out var id) ? id : -1).ToArray();
        return found.Contains(-1) ? null : found;
    }
}
