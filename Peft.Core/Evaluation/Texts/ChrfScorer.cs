namespace Peft.Core.Evaluation.Texts;

/// <summary>
/// chrF and chrF++: F2 over runs of one to six characters, and for chrF++ of one and two words as well; with several references the best
/// one counts. 0–100. Source: sacrebleu 2, Popović 2015 and 2017.
/// </summary>
public static class ChrfScorer
{
    private const int CharacterOrders = 6;
    private const int BetaSquared = 4;

    /// <summary>Scores one text.</summary>
    /// <param name="hypothesis">The text.</param>
    /// <param name="references">What it should be; at least one.</param>
    /// <param name="wordOrders">0 for chrF, 2 for chrF++.</param>
    public static double Sentence(string hypothesis, IReadOnlyList<string> references, int wordOrders = 0) => Corpus([(hypothesis, references)], wordOrders);

    /// <summary>Scores texts together.</summary>
    /// <param name="pairs">Every text with its references, at least one each.</param>
    /// <param name="wordOrders">0 for chrF, 2 for chrF++.</param>
    public static double Corpus(IEnumerable<(string Hypothesis, IReadOnlyList<string> References)> pairs, int wordOrders = 0)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var sum = new Order[CharacterOrders + wordOrders];
        foreach (var (hypothesis, references) in pairs)
        {
            var own = Grams(hypothesis, wordOrders);
            var best = references.Select(reference => Match(own, Grams(reference, wordOrders))).Aggregate((a, b) => Score(b) > Score(a) ? b : a);
            for (var n = 0; n < sum.Length; n++)
                sum[n] = new Order(sum[n].Own + best[n].Own, sum[n].Wanted + best[n].Wanted, sum[n].Common + best[n].Common);
        }

        return Score(sum);
    }

    private static Dictionary<string, int>[] Grams(string text, int wordOrders)
    {
        var characters = PythonText.Characters(text);
        var words = Words(text);
        return
        [
            .. Enumerable.Range(1, CharacterOrders).Select(n => PythonText.Count(characters, n)),
            .. Enumerable.Range(1, wordOrders).Select(n => PythonText.Count(words, n)),
        ];
    }

    /// <summary>Words, with one ASCII mark at their end or else at their beginning parted from them.</summary>
    private static List<string> Words(string text)
    {
        var words = new List<string>();
        foreach (var word in PythonText.Words(text))
        {
            if (word.EnumerateRunes().Count() == 1)
                words.Add(word);
            else if (IsMark(word[^1]))
                words.AddRange([word[..^1], word[^1..]]);
            else if (IsMark(word[0]))
                words.AddRange([word[..1], word[1..]]);
            else
                words.Add(word);
        }

        return words;
    }

    private static bool IsMark(char c) => char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c));

    private static Order[] Match(Dictionary<string, int>[] own, Dictionary<string, int>[] wanted) =>
        [.. own.Zip(wanted, (left, right) => new Order(right.Count > 0 ? left.Values.Sum() : 0, right.Values.Sum(), PythonText.Common(left, right)))];

    private static double Score(Order[] orders)
    {
        var both = orders.Where(order => order is { Own: > 0, Wanted: > 0 }).ToArray();
        if (both.Length == 0)
            return 0;
        var precision = both.Average(order => (double)order.Common / order.Own);
        var recall = both.Average(order => (double)order.Common / order.Wanted);
        return precision + recall == 0 ? 0 : 100 * (1 + BetaSquared) * precision * recall / ((BetaSquared * precision) + recall);
    }

    private readonly record struct Order(int Own, int Wanted, int Common);
}
