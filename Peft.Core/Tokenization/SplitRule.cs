using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Peft.Core.Tokenization;

/// <summary>
/// A pre-tokenizer of type <c>Split</c> with behaviour <c>Isolated</c>: every match of the pattern and everything between matches is a word
/// of its own. .NET's expressions see UTF-16 units, so a character beyond the basic plane is shown to them as a stand-in of the same category and the borders are mapped back.
/// </summary>
internal sealed class SplitRule
{
    /// <summary>The pattern of the <c>ByteLevel</c> pre-tokenizer with <c>use_regex</c> (GPT-2's).</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly Regex _pattern;

    public SplitRule(string pattern)
        : this(new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled))
    {
    }

    public SplitRule(Regex pattern) => _pattern = pattern;

    /// <summary>The words of a text as [start, end) in UTF-16 units.</summary>
    public IEnumerable<(int Start, int End)> Split(string text)
    {
        var (shown, map) = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 ? (text, null) : StandIn(text);
        var end = 0;
        for (var match = _pattern.Match(shown); match.Success; match = match.NextMatch())
        {
            if (match.Length == 0)
                continue;
            if (match.Index > end)
                yield return Back(end, match.Index, map);
            end = match.Index + match.Length;
            yield return Back(match.Index, end, map);
        }

        if (end < shown.Length)
            yield return Back(end, shown.Length, map);
    }

    /// <summary>The matches in a text as [start, end) in UTF-16 units; empty ones do not count.</summary>
    public IEnumerable<(int Start, int End)> Matches(string text)
    {
        var (shown, map) = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 ? (text, null) : StandIn(text);
        for (var match = _pattern.Match(shown); match.Success; match = match.NextMatch())
        {
            if (match.Length > 0)
                yield return Back(match.Index, match.Index + match.Length, map);
        }
    }

    private static (int Start, int End) Back(int start, int end, int[]? map) => map is null ? (start, end) : (map[start], map[end]);

    private static (string Shown, int[] Map) StandIn(string text)
    {
        var shown = new StringBuilder(text.Length);
        var map = new List<int>(text.Length + 1);
        for (var i = 0; i < text.Length;)
        {
            map.Add(i);
            if (Rune.TryGetRuneAt(text, i, out var rune) && rune.Utf16SequenceLength == 2)
            {
                shown.Append(Kind(rune));
                i += 2;
            }
            else
            {
                shown.Append(text[i]);
                i++;
            }
        }

        map.Add(text.Length);
        return (shown.ToString(), [.. map]);
    }

    /// <summary>A character of the same category, outside every range that patterns name.</summary>
    private static char Kind(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter => '\uA640',
        UnicodeCategory.LowercaseLetter => '\uA641',
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\uA015',
        UnicodeCategory.OtherLetter => '\uA000',
        UnicodeCategory.NonSpacingMark => '\uA8E0',
        UnicodeCategory.SpacingCombiningMark => '\uA880',
        UnicodeCategory.EnclosingMark => '\uA670',
        UnicodeCategory.DecimalDigitNumber => '\u0BE7',
        UnicodeCategory.LetterNumber => '\u2160',
        UnicodeCategory.OtherNumber => '\u2460',
        UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation or UnicodeCategory.ClosePunctuation
            or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation => '\u2E2E',
        UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol or UnicodeCategory.ModifierSymbol or UnicodeCategory.OtherSymbol => '\u263A',
        UnicodeCategory.Format => '\u2060',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378',
    };
}
