using System.Text;

namespace Peft.Core.Evaluation;

/// <summary>
/// Scores answers as SQuAD does: lower case, without punctuation, without English articles; the best of several right answers counts.
/// Han characters, kana and hangul stand alone when words are compared, since those scripts write no blanks.
/// </summary>
public static class AnswerScorer
{
    private static readonly string[] s_articles = ["a", "an", "the"];

    /// <summary>Whether an answer equals one of those wanted. Without any, the empty answer is right.</summary>
    public static bool IsExact(string given, IReadOnlyList<string> wanted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        return Options(wanted).Any(answer => Normalise(answer) == Normalise(given));
    }

    /// <summary>F1 (0–1) of the words that an answer shares with the best of those wanted.</summary>
    public static double F1(string given, IReadOnlyList<string> wanted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        var said = Words(given);
        return Options(wanted).Max(answer => F1(said, Words(answer)));
    }

    /// <summary>An answer as it is compared.</summary>
    public static string Normalise(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var kept = new StringBuilder(answer.Length);
        foreach (var rune in answer.ToLowerInvariant().EnumerateRunes())
        {
            if (!IsPunctuation(rune))
                kept.Append(rune.ToString());
        }

        var words = kept.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Where(word => !s_articles.Contains(word));
        return string.Join(' ', words);
    }

    private static double F1(List<string> said, List<string> gold)
    {
        if (said.Count == 0 || gold.Count == 0)
            return said.Count == gold.Count ? 1 : 0;
        var left = gold.GroupBy(word => word).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        var same = 0;
        foreach (var word in said.Where(word => left.GetValueOrDefault(word) > 0))
        {
            left[word]--;
            same++;
        }

        return 2.0 * same / (said.Count + gold.Count);
    }

    private static List<string> Words(string answer)
    {
        var words = new List<string>();
        foreach (var word in Normalise(answer).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var open = new StringBuilder();
            foreach (var rune in word.EnumerateRunes())
            {
                if (!StandsAlone(rune))
                {
                    open.Append(rune.ToString());
                    continue;
                }

                if (open.Length > 0)
                    words.Add(open.ToString());
                open.Clear();
                words.Add(rune.ToString());
            }

            if (open.Length > 0)
                words.Add(open.ToString());
        }

        return words;
    }

    private static IReadOnlyList<string> Options(IReadOnlyList<string> wanted) => wanted.Count > 0 ? wanted : [""];

    private static bool IsPunctuation(Rune rune) =>
        rune.IsAscii ? char.IsPunctuation((char)rune.Value) || char.IsSymbol((char)rune.Value) : rune.Value < 0x10000 && char.IsPunctuation((char)rune.Value);

    private static bool StandsAlone(Rune rune) => rune.Value is (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF)
        or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x323AF);
}
