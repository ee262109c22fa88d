namespace Peft.Core.Tokenization.Pipeline;

/// <summary>
/// SentencePiece's BPE: two pieces join where the vocabulary holds what they make; what has the higher score is joined first, of equals the leftmost.
/// </summary>
internal static class ScoredMerges
{
    private const int LongestPiece = 256; // pieces of trained vocabularies have at most 16 characters, runs of blanks some more

    /// <summary>The ranks of pairs.</summary>
    /// <param name="vocabulary">Ids by text.</param>
    /// <param name="pieces">All pieces in the order of their ids with their scores, and whether they may come out of a merge.</param>
    public static Dictionary<(int, int), (int Rank, int Id)> Of(IReadOnlyDictionary<string, int> vocabulary, IEnumerable<(string Text, float Score, bool Joins)> pieces)
    {
        var all = pieces.ToArray();
        var order = all.Select(piece => piece.Score).Distinct().OrderDescending().Select((score, rank) => (score, rank)).ToDictionary(pair => pair.score, pair => pair.rank);
        var merges = new Dictionary<(int, int), (int, int)>();
        for (var id = 0; id < all.Length; id++)
        {
            var (text, score, joins) = all[id];
            if (!joins || text.Length > LongestPiece)
                continue;
            for (var cut = 1; cut < text.Length; cut++)
            {
                if (!char.IsLowSurrogate(text[cut]) && vocabulary.TryGetValue(text[..cut], out var left) && vocabulary.TryGetValue(text[cut..], out var right))
                    merges.TryAdd((left, right), (order[score], id));
            }
        }

        return merges;
    }
}
