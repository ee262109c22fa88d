using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Peft.Core.Data.Cleaning;

/// <summary>A corrected text, and where each unit of the old one went, so that annotations move with their words.</summary>
/// <param name="Text">The corrected text.</param>
/// <param name="Places">For each UTF-16 unit of the old text (and its end) the place in the new.</param>
public sealed partial record TextChange(string Text, IReadOnlyList<int> Places)
{
    /// <summary>Removes HTML tags and resolves entities.</summary>
    public static TextChange WithoutHtml(string text)
    {
        var (result, places) = (new StringBuilder(text.Length), new int[text.Length + 1]);
        var at = 0;
        foreach (Match match in Markup().Matches(text))
        {
            Copy(text, at, match.Index, result, places);
            for (var i = match.Index; i < match.Index + match.Length; i++)
                places[i] = result.Length;
            result.Append(match.Value[0] == '&' ? WebUtility.HtmlDecode(match.Value) : IsBreak(match.Value) ? "\n" : "");
            at = match.Index + match.Length;
        }

        Copy(text, at, text.Length, result, places);
        places[text.Length] = result.Length;
        return new TextChange(result.ToString(), places);
    }

    /// <summary>Removes blanks at both ends.</summary>
    public static TextChange Trimmed(string text)
    {
        var start = text.Length - text.TrimStart().Length;
        var trimmed = text.Trim();
        var places = new int[text.Length + 1];
        for (var i = 0; i < places.Length; i++)
            places[i] = Math.Clamp(i - start, 0, trimmed.Length);
        return new TextChange(trimmed, places);
    }

    /// <summary>Masks mobile numbers, identity numbers, e-mail addresses.</summary>
    public static TextChange Masked(string text)
    {
        var (result, places) = (new StringBuilder(text.Length), new int[text.Length + 1]);
        var at = 0;
        foreach (Match match in Personal().Matches(text))
        {
            Copy(text, at, match.Index, result, places);
            for (var i = match.Index; i < match.Index + match.Length; i++)
                places[i] = result.Length;
            result.Append('*', Math.Min(match.Length, 6));
            at = match.Index + match.Length;
        }

        Copy(text, at, text.Length, result, places);
        places[text.Length] = result.Length;
        return new TextChange(result.ToString(), places);
    }

    /// <summary>Whether a text holds tags or entities of HTML.</summary>
    public static bool HasHtml(string text) => text.AsSpan().IndexOfAny('<', '&') >= 0 && Markup().IsMatch(text);

    /// <summary>Whether a text holds numbers or addresses of persons.</summary>
    public static bool HasPersonal(string text) => Personal().IsMatch(text);

    private static void Copy(string text, int from, int to, StringBuilder result, int[] places)
    {
        for (var i = from; i < to; i++)
        {
            places[i] = result.Length;
            result.Append(text[i]);
        }
    }

    private static bool IsBreak(string tag) => tag.StartsWith("<br", StringComparison.OrdinalIgnoreCase);

    // Tags that browsers know; a formula's "<" or a chat's "<user>" is none.
    [GeneratedRegex(@"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>|</?(?:a|abbr|article|b|blockquote|body|br|button|code|div|em|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|ol|option|p|pre|s|script|section|select|small|span|strong|style|sub|sup|table|tbody|td|textarea|tfoot|th|thead|title|tr|u|ul|video)(?:\s[^<>]*)?/?>|&(?:nbsp|amp|lt|gt|quot|apos|ldquo|rdquo|hellip|mdash|middot|copy|#\d{2,6}|#x[0-9a-fA-F]{2,5});", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Markup();

    [GeneratedRegex(@"(?<![0-9])1[3-9]\d{9}(?![0-9])|(?<![0-9])\d{17}[0-9Xx](?![0-9A-Za-z])|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")]
    private static partial Regex Personal();
}
