namespace Peft.Core.Evaluation.Texts;

/// <summary>
/// Translation edit rate: words to insert, delete, replace, and runs of words to move, per word of the reference; 0 is perfect, 100 as many
/// edits as words. Case does not count. Which moves are tried, and which of equally good ones is taken, follows Tercom (Snover 2006) as
/// sacrebleu 2 has it.
/// </summary>
public static class TerScorer
{
    private const int LongestMove = 10;
    private const int FarthestMove = 50;
    private const int MostMovesTried = 1000;

    /// <summary>Scores one text; the reference that needs fewest edits counts, over the mean length of all of them.</summary>
    /// <param name="hypothesis">The text.</param>
    /// <param name="references">What it should be; at least one.</param>
    public static double Sentence(string hypothesis, IReadOnlyList<string> references)
    {
        ArgumentNullException.ThrowIfNull(hypothesis);
        ArgumentNullException.ThrowIfNull(references);
        var words = PythonText.Words(hypothesis.ToLowerInvariant());
        var wanted = references.Select(reference => PythonText.Words(reference.ToLowerInvariant())).ToArray();
        var edits = wanted.Min(reference => Edits(words, reference));
        var length = wanted.Average(reference => reference.Length);
        return length > 0 ? 100 * edits / length : edits > 0 ? 100 : 0;
    }

    private static int Edits(string[] words, string[] reference)
    {
        if (reference.Length == 0)
            return words.Length;
        var (moves, tried) = (0, 0);
        while (true)
        {
            var (gain, moved) = BestMove(words, reference, ref tried);
            if (tried >= MostMovesTried || gain <= 0)
                break;
            moves++;
            words = moved;
        }

        return moves + EditPath.Of(words, reference).Distance;
    }

    private static (int Gain, string[] Moved) BestMove(string[] words, string[] reference, ref int tried)
    {
        var path = EditPath.Of(words, reference);
        (int Gain, int Length, int Start, int Target)? best = null;
        var chosen = words;
        foreach (var (start, place, length) in SameRuns(words, reference))
        {
            // Only what is wrong on both sides is worth a move, and nothing moves into itself.
            if (!path.WordWrong.AsSpan(start, length).Contains(true) || !path.ReferenceWrong.AsSpan(place, length).Contains(true))
                continue;
            if (path.Aligned[place] >= start && path.Aligned[place] < start + length)
                continue;
            var before = -1;
            for (var offset = -1; offset < length && place + offset < reference.Length; offset++)
            {
                var target = place + offset < 0 ? 0 : path.Aligned[place + offset] + 1;
                if (target == before)
                    continue;
                before = target;
                var moved = Move(words, start, length, target);
                var candidate = (path.Distance - EditPath.Of(moved, reference).Distance, length, -start, -target);
                tried++;
                if (best is null || candidate.CompareTo(best.Value) > 0)
                    (best, chosen) = (candidate, moved);
            }

            if (tried >= MostMovesTried)
                break;
        }

        return (best?.Gain ?? 0, chosen);
    }

    private static IEnumerable<(int Start, int Place, int Length)> SameRuns(string[] words, string[] reference)
    {
        for (var start = 0; start < words.Length; start++)
        {
            for (var place = 0; place < reference.Length; place++)
            {
                if (Math.Abs(place - start) > FarthestMove)
                    continue;
                for (var length = 0; length < LongestMove && start + length < words.Length && place + length < reference.Length && words[start + length] == reference[place + length];)
                    yield return (start, place, ++length);
            }
        }
    }

    private static string[] Move(string[] words, int start, int length, int target)
    {
        var run = words[start..(start + length)];
        if (target < start)
            return [.. words[..target], .. run, .. words[target..start], .. words[(start + length)..]];
        if (target > start + length)
            return [.. words[..start], .. words[(start + length)..target], .. run, .. words[target..]];
        var end = Math.Min(words.Length, length + target);
        return [.. words[..start], .. words[(start + length)..end], .. run, .. words[end..]];
    }
}
