using System.Globalization;
using System.Text;

namespace Peft.Core.Chat.Jinja;

/// <summary>Methods of Python's str, dict, list and tuple that change nothing.</summary>
internal static class JinjaMethods
{
    public static JinjaFunction? Map(JinjaMap map, string name) => name switch
    {
        "get" => new(name, (_, arguments) => map.TryGet(arguments.Get(0, "key", null), out var value) ? value : arguments.Get(1, "default", null)),
        "items" => new(name, (_, _) => Items(map)),
        "keys" => new(name, (_, _) => map.Keys.ToList()),
        "values" => new(name, (_, _) => map.Keys.Select(key => map[key]).ToList()),
        "copy" => new(name, (_, _) => map),
        _ => null,
    };

    public static List<object?> Items(JinjaMap map) => [.. map.Keys.Select(key => new JinjaTuple([key, map[key]]))];

    public static JinjaFunction? List(List<object?> list, string name) => name switch
    {
        "count" => new(name, (_, arguments) => (long)list.Count(item => Python.Equal(item, arguments.Get(0, "value", null)))),
        "index" => new(name, (_, arguments) => list.FindIndex(item => Python.Equal(item, arguments.Get(0, "value", null))) is >= 0 and var place
            ? (long)place
            : throw new JinjaException("ValueError", $"{Python.Repr(arguments.Get(0, "value", null))} is not in list")),
        "copy" when list is not JinjaTuple => new(name, (_, _) => list.ToList()),
        _ => null,
    };

    public static JinjaFunction? Text(string text, string name)
    {
        JinjaFunction Plain(Func<JinjaArguments, object?> call) => new(name, (_, arguments) => call(arguments));
        JinjaFunction Made(Func<JinjaRun, JinjaArguments, object?> call) => new(name, call);
        return name switch
        {
            "upper" => Plain(_ => text.ToUpperInvariant()),
            "lower" => Plain(_ => text.ToLowerInvariant()),
            "casefold" => Plain(_ => text.ToLowerInvariant()),
            "swapcase" => Plain(_ => string.Concat(text.Select(unit => char.IsUpper(unit) ? char.ToLowerInvariant(unit) : char.ToUpperInvariant(unit)))),
            "title" => Plain(_ => Title(text)),
            "capitalize" => Plain(_ => Capitalize(text)),
            "strip" => Plain(arguments => Strip(text, arguments.Get(0, "chars", null), true, true)),
            "lstrip" => Plain(arguments => Strip(text, arguments.Get(0, "chars", null), true, false)),
            "rstrip" => Plain(arguments => Strip(text, arguments.Get(0, "chars", null), false, true)),
            "split" => Plain(arguments => Split(text, arguments, fromRight: false)),
            "rsplit" => Plain(arguments => Split(text, arguments, fromRight: true)),
            "splitlines" => Plain(arguments => Lines(text, Python.Truth(arguments.Get(0, "keepends", false)))),
            "partition" => Plain(arguments => Partition(text, String(arguments, 0, "sep"), text.IndexOf(String(arguments, 0, "sep"), StringComparison.Ordinal), left: true)),
            "rpartition" => Plain(arguments => Partition(text, String(arguments, 0, "sep"), text.LastIndexOf(String(arguments, 0, "sep"), StringComparison.Ordinal), left: false)),
            "replace" => Made((run, arguments) => Replace(run, text, String(arguments, 0, "old"), String(arguments, 1, "new"), Python.Whole(arguments.Get(2, "count", -1L)) ?? -1)),
            "startswith" => Plain(arguments => Any(arguments, part => text.StartsWith(part, StringComparison.Ordinal))),
            "endswith" => Plain(arguments => Any(arguments, part => text.EndsWith(part, StringComparison.Ordinal))),
            "removeprefix" => Plain(arguments => text.StartsWith(String(arguments, 0, "prefix"), StringComparison.Ordinal) ? text[String(arguments, 0, "prefix").Length..] : text),
            "removesuffix" => Plain(arguments => String(arguments, 0, "suffix") is { Length: > 0 } end && text.EndsWith(end, StringComparison.Ordinal) ? text[..^end.Length] : text),
            "find" => Plain(arguments => Place(text, text.IndexOf(String(arguments, 0, "sub"), StringComparison.Ordinal))),
            "rfind" => Plain(arguments => Place(text, text.LastIndexOf(String(arguments, 0, "sub"), StringComparison.Ordinal))),
            "index" => Plain(arguments => Place(text, text.IndexOf(String(arguments, 0, "sub"), StringComparison.Ordinal)) is >= 0 and var at ? at : throw new JinjaException("ValueError", "substring not found")),
            "rindex" => Plain(arguments => Place(text, text.LastIndexOf(String(arguments, 0, "sub"), StringComparison.Ordinal)) is >= 0 and var at ? at : throw new JinjaException("ValueError", "substring not found")),
            "count" => Plain(arguments => Count(text, String(arguments, 0, "sub"))),
            "join" => Made((run, arguments) => Join(run, text, Python.Items(arguments.Get(0, "iterable", null)), strict: true)),
            "format" => Made((run, arguments) => JinjaFormat.Braces(run, text, arguments)),
            "zfill" => Made((run, arguments) => Fill(run, text, arguments)),
            "ljust" => Made((run, arguments) => Pad(run, text, arguments, 0, 1)),
            "rjust" => Made((run, arguments) => Pad(run, text, arguments, 1, 0)),
            "center" => Made((run, arguments) => Pad(run, text, arguments, 1, 1)),
            "isdigit" or "isdecimal" or "isnumeric" => Plain(_ => All(text, rune => Rune.IsDigit(rune) || (name != "isdecimal" && Rune.IsNumber(rune)))),
            "isalpha" => Plain(_ => All(text, Rune.IsLetter)),
            "isalnum" => Plain(_ => All(text, rune => Rune.IsLetterOrDigit(rune) || Rune.IsNumber(rune))),
            "isspace" => Plain(_ => All(text, Rune.IsWhiteSpace)),
            "isupper" => Plain(_ => text.Any(char.IsUpper) && !text.Any(char.IsLower)),
            "islower" => Plain(_ => text.Any(char.IsLower) && !text.Any(char.IsUpper)),
            "istitle" => Plain(_ => text.Any(char.IsLetter) && text == Title(text)),
            "isascii" => Plain(_ => text.All(char.IsAscii)),
            "isidentifier" => Plain(_ => text.Length > 0 && (char.IsLetter(text[0]) || text[0] == '_') && text.All(unit => char.IsLetterOrDigit(unit) || unit == '_')),
            _ => null,
        };
    }

    /// <summary>Takes white space off the ends, or any of the given characters.</summary>
    public static string Strip(string text, object? characters, bool left, bool right)
    {
        var kinds = characters is null ? null : characters as string ?? throw JinjaException.Type($"strip arg must be None or str, not {Python.TypeName(characters)}");
        bool Goes(char unit) => kinds is null ? char.IsWhiteSpace(unit) || unit is >= '\x1C' and <= '\x1F' : kinds.Contains(unit, StringComparison.Ordinal);
        var (from, to) = (0, text.Length);
        while (left && from < to && Goes(text[from]))
            from++;
        while (right && to > from && Goes(text[to - 1]))
            to--;
        return text[from..to];
    }

    public static string Capitalize(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    public static string Title(string text)
    {
        var result = new StringBuilder(text.Length);
        var inside = false;
        foreach (var unit in text)
        {
            result.Append(inside ? char.ToLowerInvariant(unit) : char.ToUpperInvariant(unit));
            inside = char.IsLetter(unit);
        }

        return result.ToString();
    }

    /// <summary>Replaces from the left; an empty text stands between all characters.</summary>
    public static string Replace(JinjaRun run, string text, string old, string now, long count)
    {
        if (count == 0)
            return text;
        if (old.Length == 0)
        {
            var points = Python.Points(text).ToList();
            var times = count < 0 ? points.Count + 1 : Math.Min(count, points.Count + 1);
            run.Room(text.Length + times * now.Length);
            var between = new StringBuilder();
            for (var i = 0; i <= points.Count; i++)
                between.Append(i < times ? now : "").Append(i < points.Count ? points[i] : "");
            return between.ToString();
        }

        var found = Count(text, old);
        run.Room(text.Length + Math.Min(found, count < 0 ? long.MaxValue : count) * Math.Max(0, now.Length - old.Length));
        if (count < 0)
            return text.Replace(old, now, StringComparison.Ordinal);
        var result = new StringBuilder();
        var at = 0;
        for (var next = text.IndexOf(old, StringComparison.Ordinal); next >= 0 && count > 0; next = text.IndexOf(old, at, StringComparison.Ordinal), count--)
        {
            result.Append(text, at, next - at).Append(now);
            at = next + old.Length;
        }

        return result.Append(text, at, text.Length - at).ToString();
    }

    public static string Join(JinjaRun run, string separator, IReadOnlyList<object?> items, bool strict)
    {
        var texts = items.Select((item, i) => item is string text ? text
            : strict ? throw JinjaException.Type($"sequence item {i}: expected str instance, {Python.TypeName(item)} found")
            : Python.Text(item)).ToArray();
        run.Room(texts.Sum(text => (long)text.Length) + (long)separator.Length * Math.Max(0, texts.Length - 1));
        return string.Join(separator, texts);
    }

    /// <summary>Fills up to a width with spaces or another character on the sides.</summary>
    public static string Pad(JinjaRun run, string text, JinjaArguments arguments, int left, int right)
    {
        var width = Python.Whole(arguments.Get(0, "width", 80L)) ?? throw JinjaException.Type("a width is a whole number");
        var missing = width - Python.Length(text);
        if (missing <= 0)
            return text;
        run.Room(width);
        var fill = arguments.Get(1, "fillchar", " ") as string ?? " ";
        var front = left == 0 ? 0 : right == 0 ? missing : missing / 2 + (missing & width & 1);
        return string.Concat(Enumerable.Repeat(fill, (int)front)) + text + string.Concat(Enumerable.Repeat(fill, (int)(missing - front)));
    }

    public static long Count(string text, string part)
    {
        if (part.Length == 0)
            return Python.Length(text) + 1;
        long count = 0;
        for (var at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal))
            count++;
        return count;
    }

    private static string Fill(JinjaRun run, string text, JinjaArguments arguments)
    {
        var width = Python.Whole(arguments.Get(0, "width", 0L)) ?? 0;
        run.Room(Math.Max(0, width));
        var sign = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        return width <= text.Length ? text : text[..sign] + new string('0', (int)(width - text.Length)) + text[sign..];
    }

    private static List<object?> Split(string text, JinjaArguments arguments, bool fromRight)
    {
        var separator = arguments.Get(0, "sep", null);
        var most = Python.Whole(arguments.Get(1, "maxsplit", -1L)) ?? -1;
        if (separator is not null and not string)
            throw JinjaException.Type($"must be str or None, not {Python.TypeName(separator)}");
        if (separator is string { Length: 0 })
            throw new JinjaException("ValueError", "empty separator");
        var parts = new List<object?>();
        var rest = separator is null ? fromRight ? text.TrimEnd() : text.TrimStart() : text;
        while (rest.Length > 0 || separator is not null)
        {
            var (from, to) = Border(rest, separator as string, fromRight);
            if (from < 0 || (most >= 0 && parts.Count >= most))
            {
                parts.Add(separator is null ? fromRight ? rest.TrimStart() is { Length: > 0 } && most >= 0 ? rest : rest.TrimStart() : most >= 0 ? rest : rest.TrimEnd() : rest);
                break;
            }

            parts.Add(fromRight ? rest[to..] : rest[..from]);
            rest = fromRight ? rest[..from] : rest[to..];
            if (separator is null)
                rest = fromRight ? rest.TrimEnd() : rest.TrimStart();
        }

        if (separator is null)
            parts.RemoveAll(part => part is string { Length: 0 });
        if (fromRight)
            parts.Reverse();
        return parts;
    }

    private static (int From, int To) Border(string text, string? separator, bool last)
    {
        if (separator is not null)
        {
            var at = last ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
            return (at, at + separator.Length);
        }

        var place = last ? text.Length - 1 : 0;
        while (place >= 0 && place < text.Length && !char.IsWhiteSpace(text[place]))
            place += last ? -1 : 1;
        return place < 0 || place >= text.Length ? (-1, -1) : (place, place + 1);
    }

    private static readonly System.Buffers.SearchValues<char> s_lineEnds = System.Buffers.SearchValues.Create("\n\r\v\f\u001C\u001D\u001E\u0085\u2028\u2029");

    private static List<object?> Lines(string text, bool ends)
    {
        var lines = new List<object?>();
        for (var at = 0; at < text.Length;)
        {
            var end = text.AsSpan(at).IndexOfAny(s_lineEnds);
            if (end < 0)
            {
                lines.Add(text[at..]);
                break;
            }

            var next = at + end + (text[at + end] == '\r' && at + end + 1 < text.Length && text[at + end + 1] == '\n' ? 2 : 1);
            lines.Add(ends ? text[at..next] : text[at..(at + end)]);
            at = next;
        }

        return lines;
    }

    private static JinjaTuple Partition(string text, string separator, int at, bool left) =>
        separator.Length == 0 ? throw new JinjaException("ValueError", "empty separator")
        : at >= 0 ? new JinjaTuple([text[..at], separator, text[(at + separator.Length)..]]) : left ? new JinjaTuple([text, "", ""]) : new JinjaTuple(["", "", text]);

    private static bool Any(JinjaArguments arguments, Func<string, bool> test) => arguments.Get(0, "prefix", null) switch
    {
        string part => test(part),
        JinjaTuple many => many.Exists(part => part is string text ? test(text) : throw JinjaException.Type("tuple for startswith must only contain str")),
        var other => throw JinjaException.Type($"startswith first arg must be str or a tuple of str, not {Python.TypeName(other)}"),
    };

    private static long Place(string text, int at) => at < 0 ? -1 : Python.Length(text[..at]);

    private static bool All(string text, Func<Rune, bool> test) => text.Length > 0 && text.EnumerateRunes().All(test);

    private static string String(JinjaArguments arguments, int place, string name) => arguments.Get(place, name, null) switch
    {
        string text => text,
        Undefined undefined => throw undefined.Error(),
        var other => throw JinjaException.Type($"argument {place + 1} must be str, not {Python.TypeName(other)}"),
    };
}
