using System.Text.RegularExpressions;

namespace Peft.Core.Evaluation.Texts;

/// <summary>A ROUGE score, 0–1.</summary>
/// <param name="Precision">Share of the text that is in the reference.</param>
/// <param name="Recall">Share of the reference that is in the text.</param>
public readonly record struct RougeScore(double Precision, double Recall)
{
    /// <summary>Their harmonic mean.</summary>
    public double F1 => Precision + Recall > 0 ? 2 * Precision * Recall / (Precision + Recall) : 0;
}

/// <summary>The usual ROUGE scores of a text.</summary>
/// <param name="Rouge1">Over single tokens.</param>
/// <param name="Rouge2">Over pairs of tokens.</param>
/// <param name="RougeL">Over the longest common subsequence.</param>
/// <param name="RougeLsum">The same per line, as summaries are scored.</param>
public sealed record RougeReport(RougeScore Rouge1, RougeScore Rouge2, RougeScore RougeL, RougeScore RougeLsum);

/// <summary>How ROUGE cuts a text into tokens.</summary>
public enum RougeTokens
{
    /// <summary>Lower-cased runs of a–z and 0–9; everything else is dropped, Chinese included.</summary>
    Latin,

    /// <summary>The same, words of more than three letters by their Porter stem.</summary>
    Stemmed,

    /// <summary>Every character that is no white space; the one that fits Chinese.</summary>
    Characters,
}

/// <summary>ROUGE-1, -2, -L and -Lsum. Source: Lin 2004 as Google's rouge_score 0.1.2 has it.</summary>
public static partial class RougeScorer
{
    /// <summary>Scores a text.</summary>
    /// <param name="hypothesis">The text.</param>
    /// <param name="reference">What it should say.</param>
    /// <param name="tokens">How both are cut.</param>
    public static RougeReport Score(string hypothesis, string reference, RougeTokens tokens = RougeTokens.Latin)
    {
        ArgumentNullException.ThrowIfNull(hypothesis);
        ArgumentNullException.ThrowIfNull(reference);
        var (own, wanted) = (Tokens(hypothesis, tokens), Tokens(reference, tokens));
        return new RougeReport(Grams(own, wanted, 1), Grams(own, wanted, 2), Longest(own, wanted), Lines(hypothesis, reference, tokens));
    }

    /// <summary>The tokens of a text.</summary>
    public static IReadOnlyList<string> Tokens(string text, RougeTokens tokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (tokens == RougeTokens.Characters)
            return PythonText.Characters(text);
        var words = Words().Matches(text.ToLowerInvariant()).Select(match => match.Value);
        return [.. tokens == RougeTokens.Stemmed ? words.Select(word => word.Length > 3 ? PorterStemmer.Stem(word) : word) : words];
    }

    private static RougeScore Grams(IReadOnlyList<string> own, IReadOnlyList<string> wanted, int n)
    {
        var (left, right) = (PythonText.Count(own, n), PythonText.Count(wanted, n));
        double common = PythonText.Common(left, right);
        return new RougeScore(common / Math.Max(left.Values.Sum(), 1), common / Math.Max(right.Values.Sum(), 1));
    }

    private static RougeScore Longest(IReadOnlyList<string> own, IReadOnlyList<string> wanted)
    {
        if (own.Count == 0 || wanted.Count == 0)
            return default;
        double length = Table(wanted, own)[wanted.Count, own.Count];
        return new RougeScore(length / own.Count, length / wanted.Count);
    }

    /// <summary>For every line of the reference, what any line of the text has in common with it; no token counts twice.</summary>
    private static RougeScore Lines(string hypothesis, string reference, RougeTokens tokens)
    {
        var own = Cut(hypothesis, tokens);
        var wanted = Cut(reference, tokens);
        var (ownCount, wantedCount) = (own.Sum(line => line.Count), wanted.Sum(line => line.Count));
        if (ownCount == 0 || wantedCount == 0)
            return default;
        var left = PythonText.Count([.. own.SelectMany(line => line)], 1);
        var right = PythonText.Count([.. wanted.SelectMany(line => line)], 1);
        var hits = 0;
        foreach (var line in wanted)
        {
            foreach (var index in own.SelectMany(other => Common(line, other)).Distinct().Order())
            {
                var token = line[index];
                if (left.GetValueOrDefault(token) == 0 || right[token] == 0)
                    continue;
                hits++;
                left[token]--;
                right[token]--;
            }
        }

        return new RougeScore((double)hits / ownCount, (double)hits / wantedCount);
    }

    private static List<IReadOnlyList<string>> Cut(string text, RougeTokens tokens) =>
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Tokens(line, tokens))];

    /// <summary>Which tokens of a line belong to one of its longest common subsequences with another.</summary>
    private static List<int> Common(IReadOnlyList<string> line, IReadOnlyList<string> other)
    {
        var table = Table(line, other);
        var found = new List<int>();
        var (i, j) = (line.Count, other.Count);
        while (i > 0 && j > 0)
        {
            if (line[i - 1] == other[j - 1])
            {
                found.Add(i - 1);
                (i, j) = (i - 1, j - 1);
            }
            else if (table[i, j - 1] > table[i - 1, j])
                j--;
            else
                i--;
        }

        return found;
    }

    private static int[,] Table(IReadOnlyList<string> left, IReadOnlyList<string> right)
    {
        var table = new int[left.Count + 1, right.Count + 1];
        for (var i = 1; i <= left.Count; i++)
        {
            for (var j = 1; j <= right.Count; j++)
                table[i, j] = left[i - 1] == right[j - 1] ? table[i - 1, j - 1] + 1 : Math.Max(table[i - 1, j], table[i, j - 1]);
        }

        return table;
    }

    [GeneratedRegex("[a-z0-9]+")]
    private static partial Regex Words();
}
