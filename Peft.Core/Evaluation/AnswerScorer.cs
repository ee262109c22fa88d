using System.Text;
using System.Text.RegularExpressions;

namespace Peft.Core.Evaluation;

/// <summary>Scores of answers.</summary>
/// <param name="ExactMatch">1 or 0; over a split the share of exact answers.</param>
/// <param name="F1">Overlap with the wanted answer, 0–1.</param>
public readonly record struct AnswerScore(double ExactMatch, double F1);

/// <summary>
/// Scores of short answers to questions, best over the accepted answers. English as SQuAD's official script: lower case, without ASCII
/// punctuation and articles, F1 over the bag of words. Chinese as CMRC 2018's: F1 over the longest common run of characters and Latin words.
/// </summary>
public static partial class AnswerScorer
{
    /// <summary>Marks that CMRC's script ignores.</summary>
    private const string ChineseMarks = "-:_*^/\\~`+=，。：？！“”；’《》…·、「」（）－～『』";

    /// <summary>Scores an answer as SQuAD does.</summary>
    /// <param name="prediction">The answer given.</param>
    /// <param name="answers">Accepted answers, at least one; an empty one stands for "not answerable".</param>
    public static AnswerScore Score(string prediction, IReadOnlyList<string> answers) => Best(prediction, answers, answer =>
    {
        var (given, wanted) = (Normalize(prediction), Normalize(answer));
        return new AnswerScore(given == wanted ? 1 : 0, WordOverlap(Words(given), Words(wanted)));
    });

    /// <summary>Scores a Chinese answer as CMRC 2018 does.</summary>
    /// <param name="prediction">The answer given.</param>
    /// <param name="answers">Accepted answers, at least one.</param>
    public static AnswerScore ScoreChinese(string prediction, IReadOnlyList<string> answers) => Best(prediction, answers, answer =>
    {
        var (given, wanted) = (Segments(prediction), Segments(answer));
        var common = LongestCommonRun(wanted, given);
        return new AnswerScore(WithoutMarks(prediction) == WithoutMarks(answer) ? 1 : 0, common == 0 ? 0 : 2.0 * common / (given.Count + wanted.Count));
    });

    /// <summary>Scores an answer by the rules of its script: CMRC's where Han characters occur, otherwise SQuAD's.</summary>
    /// <param name="prediction">The answer given.</param>
    /// <param name="answers">Accepted answers; without any, the empty answer is right.</param>
    public static AnswerScore ScoreByScript(string prediction, IReadOnlyList<string> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        IReadOnlyList<string> accepted = answers.Count > 0 ? answers : [""];
        return accepted.Append(prediction).Any(text => text.Any(IsHan)) ? ScoreChinese(prediction, accepted) : Score(prediction, accepted);
    }

    /// <summary>The mean over a split; null without answers.</summary>
    public static AnswerScore? Mean(IReadOnlyCollection<AnswerScore> scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return scores.Count == 0 ? null : new AnswerScore(scores.Average(score => score.ExactMatch), scores.Average(score => score.F1));
    }

    /// <summary>An answer as SQuAD compares it.</summary>
    public static string Normalize(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var kept = new StringBuilder(answer.Length);
        foreach (var character in answer.ToLowerInvariant())
            if (!(char.IsAscii(character) && (char.IsPunctuation(character) || char.IsSymbol(character))))
                kept.Append(character);
        return string.Join(' ', Words(Articles().Replace(kept.ToString(), " ")));
    }

    /// <summary>A Chinese answer in pieces: every Chinese character alone, Latin text in words, without marks.</summary>
    public static IReadOnlyList<string> Segments(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var pieces = new List<string>();
        var latin = new StringBuilder();
        foreach (var character in WithoutMarks(answer))
        {
            if (!IsHan(character))
            {
                latin.Append(character);
                continue;
            }

            Flush();
            pieces.Add(character.ToString());
        }

        Flush();
        return pieces;

        void Flush()
        {
            pieces.AddRange(LatinWord().Matches(latin.ToString()).Select(match => match.Value));
            latin.Clear();
        }
    }

    private static AnswerScore Best(string prediction, IReadOnlyList<string> answers, Func<string, AnswerScore> score)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentOutOfRangeException.ThrowIfZero(answers.Count, nameof(answers));
        var all = answers.Select(score).ToArray();
        return new AnswerScore(all.Max(one => one.ExactMatch), all.Max(one => one.F1));
    }

    private static double WordOverlap(string[] given, string[] wanted)
    {
        if (given.Length == 0 || wanted.Length == 0)
            return given.Length == wanted.Length ? 1 : 0;
        var left = wanted.CountBy(word => word).ToDictionary();
        var common = given.CountBy(word => word).Sum(word => Math.Min(word.Value, left.GetValueOrDefault(word.Key)));
        return 2.0 * common / (given.Length + wanted.Length);
    }

    private static int LongestCommonRun(IReadOnlyList<string> left, IReadOnlyList<string> right)
    {
        var longest = 0;
        var above = new int[right.Count + 1];
        foreach (var piece in left)
        {
            var row = new int[right.Count + 1];
            for (var j = 0; j < right.Count; j++)
                if (piece == right[j])
                    longest = Math.Max(longest, row[j + 1] = above[j] + 1);
            above = row;
        }

        return longest;
    }

    private static string WithoutMarks(string text) => string.Concat(text.ToLowerInvariant().Trim().Where(character => !ChineseMarks.Contains(character, StringComparison.Ordinal)));

    private static bool IsHan(char character) => character is >= '\u4e00' and <= '\u9fa5';

    private static string[] Words(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex(@"\b(a|an|the)\b")]
    private static partial Regex Articles();

    /// <summary>Words as the Penn Treebank splits them: numbers whole, contractions apart, other marks alone.</summary>
    [GeneratedRegex(@"\d+(?:[.,:]\d+)*|\w+?(?=n't\b)|n't\b|'(?:s|m|d|ll|re|ve)\b|\w+(?:[.]\w+)*|\S")]
    private static partial Regex LatinWord();
}
