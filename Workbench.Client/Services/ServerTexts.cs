using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Localization;
using Workbench.Client.Shared;

namespace Workbench.Client.Services;

/// <summary>
/// What server and trainer say, in the language of the page. They speak English, since the same messages stand on terminals and in logs;
/// here a message is recognised by its pattern and said again. What is not recognised stays as it is.
/// </summary>
public sealed partial class ServerTexts(IStringLocalizer<ServerText> texts)
{
    private string _language = "";
    private IReadOnlyList<(Regex Pattern, string Translation)> _patterns = [];

    /// <summary>The message in the language of the page.</summary>
    public string Of(string? message)
    {
        if (string.IsNullOrEmpty(message))
            return "";
        var culture = CultureInfo.CurrentUICulture;
        if (culture.TwoLetterISOLanguageName == "en")
            return message;
        if (_language != culture.Name)
            (_language, _patterns) = (culture.Name, Patterns());
        return string.Join('\n', message.Split('\n').Select(line => Line(line.TrimEnd('\r'))));
    }

    /// <summary>The whole line, or what follows a name and a colon (a file, a field), or sentence by sentence.</summary>
    private string Line(string line)
    {
        if (Whole(line) is { } known)
            return known;
        for (var colon = line.IndexOf(": ", StringComparison.Ordinal); colon > 0; colon = line.IndexOf(": ", colon + 2, StringComparison.Ordinal))
        {
            if (Whole(line[(colon + 2)..]) is { } rest)
                return $"{line[..colon]}：{rest}";
        }

        return Sentences(line) ?? line;
    }

    private string? Sentences(string line)
    {
        var parts = SentenceEnd().Split(line);
        if (parts.Length < 2)
            return null;
        var said = new List<string>();
        for (var start = 0; start < parts.Length;)
        {
            var count = parts.Length - start;
            string? found = null;
            for (; count > 0 && found is null; count--)
                found = Whole(string.Join(' ', parts.Skip(start).Take(count)));
            if (found is null)
                return null;
            said.Add(found);
            start += count + 1;
        }

        return string.Concat(said);
    }

    private string? Whole(string line)
    {
        foreach (var (pattern, translation) in _patterns)
        {
            var match = pattern.Match(line);
            if (match.Success)
                return string.Format(CultureInfo.CurrentCulture, translation, [.. match.Groups.Values.Skip(1).Select(group => group.Value)]);
        }

        return null;
    }

    /// <summary>The wordier a pattern, the earlier it is tried.</summary>
    private IReadOnlyList<(Regex, string)> Patterns() =>
    [
        .. texts.GetAllStrings(includeParentCultures: true)
            .OrderByDescending(text => Placeholder().Replace(text.Name, "").Length)
            .Select(text => (new Regex($"^{Expression(text.Name)}$", RegexOptions.Singleline | RegexOptions.CultureInvariant), text.Value)),
    ];

    private static string Expression(string template) =>
        Placeholder().Replace(Regex.Escape(template.Replace("{{", "\u0001", StringComparison.Ordinal).Replace("}}", "\u0002", StringComparison.Ordinal)).Replace("\\{", "{", StringComparison.Ordinal), "(.+?)")
            .Replace("\u0001", "\\{", StringComparison.Ordinal)
            .Replace("\u0002", "\\}", StringComparison.Ordinal);

    [GeneratedRegex(@"\{\d\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"(?<=\.) ")]
    private static partial Regex SentenceEnd();
}
