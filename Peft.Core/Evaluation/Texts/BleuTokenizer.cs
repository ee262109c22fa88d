using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Peft.Core.Evaluation.Texts;

/// <summary>
/// How BLEU cuts a text into words. Source: sacrebleu, which follows NIST's mteval scripts.
/// </summary>
public static partial class BleuTokenizer
{
    // Ranges that count as one word per character. The two that mean characters beyond the basic plane are written with four digits in the
    // source, and so cover a good part of the plane's punctuation; scores are compared with that, not with what was meant.
    private static readonly (int First, int Last)[] s_chinese =
    [
        (0x3400, 0x4DB5), (0x4E00, 0x9FA5), (0x9FA6, 0x9FBB), (0xF900, 0xFA2D), (0xFA30, 0xFA6A), (0xFA70, 0xFAD9), (0x2001, 0x2A6D), (0x2F81, 0x2FA1),
        (0xFF00, 0xFFEF), (0x2E80, 0x2EFF), (0x3000, 0x303F), (0x31C0, 0x31EF), (0x2F00, 0x2FDF), (0x2FF0, 0x2FFF), (0x3100, 0x312F), (0x31A0, 0x31BF),
        (0xFE10, 0xFE1F), (0xFE30, 0xFE4F), (0x2600, 0x26FF), (0x2700, 0x27BF), (0x3200, 0x32FF), (0x3300, 0x33FF),
    ];

    /// <summary>Every name: <c>13a</c> (Western), <c>zh</c> (Chinese characters alone, the rest as 13a), <c>intl</c> (Unicode punctuation), <c>char</c>, <c>none</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = ["13a", "zh", "intl", "char", "none"];

    /// <summary>The words of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static IReadOnlyList<string> Tokenize(string text, string name) => PythonText.Words(Line(text, name));

    /// <summary>A text with white space between its words, as the tokenizer writes it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <exception cref="PeftException">Unknown name.</exception>
    public static string Line(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        var line = PythonText.WithoutEnd(text);
        return name switch
        {
            "13a" => string.Join(' ', PythonText.Words(Western(" " + Unescape(line) + " "))),
            "zh" => string.Join(' ', PythonText.Words(Western(SpaceOutChinese(line.TrimStart())))),
            "intl" => string.Join(' ', PythonText.Words(International(line))),
            "char" => string.Join(' ', line.EnumerateRunes().Select(rune => rune.ToString())),
            "none" => line,
            _ => throw new PeftException($"Tokenizer '{name}' of BLEU is not known; known are {string.Join(", ", Names)}."),
        };
    }

    private static string Unescape(string line)
    {
        line = line.Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal).Replace('\n', ' ');
        return line.Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal)
            .Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
    }

    private static string Western(string line)
    {
        line = Symbols().Replace(line, " $1 ");
        line = MarkBehindNoDigit().Replace(line, "$1 $2 ");
        line = MarkBeforeNoDigit().Replace(line, " $1 $2");
        return DashBehindDigit().Replace(line, "$1 $2 ");
    }

    private static string SpaceOutChinese(string line)
    {
        var spaced = new StringBuilder(line.Length * 2);
        foreach (var character in line)
        {
            if (s_chinese.Any(range => character >= range.First && character <= range.Last))
                spaced.Append(' ').Append(character).Append(' ');
            else
                spaced.Append(character);
        }

        return spaced.ToString();
    }

    /// <summary>Marks part from what is no number beside them, symbols from everything.</summary>
    private static string International(string line)
    {
        var points = line.EnumerateRunes().ToList();
        points = Pairs(points, (a, b) => !IsNumber(a) && IsMark(b), behindFirst: true);
        points = Pairs(points, (a, b) => IsMark(a) && !IsNumber(b), behindFirst: false);
        return string.Concat(points.Select(point => Rune.GetUnicodeCategory(point) is >= UnicodeCategory.MathSymbol and <= UnicodeCategory.OtherSymbol ? $" {point} " : point.ToString()));
    }

    /// <summary>Spaces around one side of every pair that fits; pairs do not overlap and are found from the left.</summary>
    private static List<Rune> Pairs(List<Rune> points, Func<Rune, Rune, bool> fits, bool behindFirst)
    {
        var (spaced, blank) = (new List<Rune>(points.Count), new Rune(' '));
        for (var i = 0; i < points.Count; i++)
        {
            if (i + 1 == points.Count || !fits(points[i], points[i + 1]))
            {
                spaced.Add(points[i]);
                continue;
            }

            spaced.AddRange(behindFirst ? [points[i], blank, points[i + 1], blank] : [blank, points[i], blank, points[i + 1]]);
            i++;
        }

        return spaced;
    }

    private static bool IsNumber(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static bool IsMark(Rune rune) => Rune.IsPunctuation(rune);

    [GeneratedRegex(@"([{-~\[-` -&(-+:-@/])")]
    private static partial Regex Symbols();

    [GeneratedRegex("([^0-9])([.,])")]
    private static partial Regex MarkBehindNoDigit();

    [GeneratedRegex("([.,])([^0-9])")]
    private static partial Regex MarkBeforeNoDigit();

    [GeneratedRegex("([0-9])(-)")]
    private static partial Regex DashBehindDigit();
}
