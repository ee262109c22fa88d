using System.Globalization;
using System.Text.RegularExpressions;

namespace Peft.Core.Chat.Jinja;

/// <summary>A filter: the value in front of it and its arguments.</summary>
internal delegate object? JinjaFilter(JinjaRun run, object? value, JinjaArguments arguments);

/// <summary>Jinja2's filters, with transformers' <c>tojson</c>. https://jinja.palletsprojects.com/en/stable/templates/#builtin-filters</summary>
internal static partial class JinjaFilters
{
    private static readonly Dictionary<string, JinjaFilter> s_all = Table();

    /// <summary>A filter by its name.</summary>
    /// <exception cref="JinjaException">There is none.</exception>
    public static JinjaFilter Find(string name) => s_all.TryGetValue(name, out var filter) ? filter : throw new JinjaException("TemplateAssertionError", $"No filter named '{name}'.");

    private static Dictionary<string, JinjaFilter> Table()
    {
        var table = new Dictionary<string, JinjaFilter>(StringComparer.Ordinal);
        void Add(JinjaFilter filter, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
                table.Add(name, filter);
        }

        Add((_, value, _) => Absolute(value), "abs");
        Add((_, value, arguments) => JinjaAccess.Attribute(value, Python.Text(arguments.Get(0, "name", ""))), "attr");
        Add((_, value, _) => JinjaMethods.Capitalize(Python.Text(value)), "capitalize");
        Add((run, value, arguments) => JinjaMethods.Pad(run, Python.Text(value), arguments, 1, 1), "center");
        Add((_, value, _) => Length(value), "count", "length");
        Add((_, value, arguments) => value is Undefined || (Python.Truth(arguments.Get(1, "boolean", false)) && !Python.Truth(value)) ? arguments.Get(0, "default_value", "") : value, "d", "default");
        Add((_, value, _) => Escape(Python.Text(value)), "e", "escape", "forceescape");
        Add((_, value, _) => Python.Items(value) is { Count: > 0 } items ? items[0] : new Undefined("No first item, sequence was empty."), "first");
        Add((_, value, _) => Python.Items(value) is { Count: > 0 } items ? items[^1] : new Undefined("No last item, sequence was empty."), "last");
        Add((_, value, arguments) => Real(value, arguments.Get(0, "default", 0.0)), "float");
        Add((run, value, arguments) => JinjaFormat.Percent(run, Python.Text(value), arguments.Positional, arguments.Named.Count > 0 ? Named(arguments) : null), "format");
        Add((run, value, arguments) => Indent(run, Python.Text(value), arguments), "indent");
        Add((_, value, arguments) => Whole(value, arguments.Get(0, "default", 0L)), "int");
        Add((_, value, _) => value is JinjaMap map ? JinjaMethods.Items(map) : value is Undefined ? [] : throw JinjaException.Type("Can only get item pairs from a mapping."), "items");
        Add((run, value, arguments) => JinjaMethods.Join(run, Python.Text(arguments.Get(0, "d", "")), [.. Python.Items(value).Select(Attribute(arguments.Get(1, "attribute", null)))], strict: false), "join");
        Add((run, value, _) => Copy(run, value), "list");
        Add((_, value, _) => Python.Text(value).ToLowerInvariant(), "lower");
        Add((_, value, _) => Python.Text(value).ToUpperInvariant(), "upper");
        Add((_, value, _) => value is Undefined undefined ? undefined : value, "safe");
        Add((_, value, _) => Python.Text(value), "string");
        Add((_, value, _) => JinjaMethods.Title(Python.Text(value)), "title");
        Add((_, value, arguments) => JinjaMethods.Strip(Python.Text(value), arguments.Get(0, "chars", null), true, true), "trim");
        Add((run, value, arguments) => JinjaMethods.Replace(run, Python.Text(value), Python.Text(arguments.Get(0, "old", "")), Python.Text(arguments.Get(1, "new", "")), Python.Whole(arguments.Get(2, "count", -1L)) ?? -1), "replace");
        Add((_, value, _) => value is string text ? string.Concat(Python.Points(text).Reverse()) : Python.Items(value).Reverse().ToList(), "reverse");
        Add((_, value, arguments) => Round(value, arguments), "round");
        Add((run, value, arguments) => Json(run, value, arguments), "tojson");
        Add((_, value, arguments) => Truncate(Python.Text(value), arguments), "truncate");
        Add((_, value, _) => Uri.EscapeDataString(Python.Text(value)).Replace("%2F", "/", StringComparison.Ordinal), "urlencode");
        Add((_, value, _) => (long)Words().Count(Python.Text(value)), "wordcount");
        Add((_, value, _) => Tags().Replace(Python.Text(value), "").Trim(), "striptags");
        JinjaListFilters.Add(table);
        return table;
    }

    /// <summary>Takes an attribute, also of an attribute; null takes the value itself.</summary>
    public static Func<object?, object?> Attribute(object? path, object? absent = null)
    {
        if (path is null)
            return value => value;
        object?[] parts = path is string text ? [.. text.Split('.').Select(part => long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var place) ? (object?)place : part)] : [path];
        return value =>
        {
            var found = parts.Aggregate(value, JinjaAccess.Item);
            return absent is not null && found is Undefined ? absent : found;
        };
    }

    private static object Absolute(object? value) => value switch
    {
        double real => (object)Math.Abs(real),
        _ when Python.Whole(value) is { } whole => Math.Abs(whole),
        Undefined undefined => throw undefined.Error(),
        _ => throw JinjaException.Type($"bad operand type for abs(): '{Python.TypeName(value)}'"),
    };

    private static long Length(object? value) => value switch
    {
        string text => Python.Length(text),
        Undefined or List<object?> or JinjaMap => Python.Items(value).Count,
        _ => throw JinjaException.Type($"object of type '{Python.TypeName(value)}' has no len()"),
    };

    private static List<object?> Copy(JinjaRun run, object? value)
    {
        var items = Python.Items(value);
        run.Room(items.Count);
        return [.. items];
    }

    private static string Escape(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);

    private static object? Whole(object? value, object? absent) => value switch
    {
        double real => double.IsFinite(real) && Math.Abs(real) < 9e18 ? (long)real : absent,
        string text when long.TryParse(text.Trim().Replace("_", "", StringComparison.Ordinal), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        string text when Parsed(text) is { } real and > -9e18 and < 9e18 => (long)real,
        _ => Python.Whole(value) is { } whole ? whole : absent,
    };

    private static object? Real(object? value, object? absent) => value is string text ? Parsed(text) is { } real ? real : absent : Python.Number(value) is { } number ? number : absent;

    private static double? Parsed(string text) => double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? real : null;

    private static double Round(object? value, JinjaArguments arguments)
    {
        if (value is Undefined undefined)
            throw undefined.Error();
        var number = Python.Number(value) ?? throw JinjaException.Type($"type {Python.TypeName(value)} doesn't define __round__ method");
        var digits = (int)Math.Clamp(Python.Whole(arguments.Get(0, "precision", 0L)) ?? 0, -15, 15);
        var scale = Math.Pow(10, digits);
        return Python.Text(arguments.Get(1, "method", "common")) switch
        {
            "ceil" => Math.Ceiling(number * scale) / scale,
            "floor" => Math.Floor(number * scale) / scale,
            "common" => digits < 0 ? Math.Round(number * scale, MidpointRounding.ToEven) / scale
                : Math.Abs(number) < 1e12 ? (double)Math.Round((decimal)number, digits, MidpointRounding.ToEven) : Math.Round(number, digits, MidpointRounding.ToEven),
            _ => throw new JinjaException("FilterArgumentError", "method must be common, ceil or floor"),
        };
    }

    private static string Indent(JinjaRun run, string text, JinjaArguments arguments)
    {
        var width = arguments.Get(0, "width", 4L);
        var (first, blank) = (Python.Truth(arguments.Get(1, "first", false)), Python.Truth(arguments.Get(2, "blank", false)));
        var count = Python.Whole(width) ?? 0;
        run.Room(Math.Max(0, count));
        var front = width as string ?? new string(' ', (int)Math.Max(0, count));
        var lines = Python.Items(JinjaMethods.Text(text + "\n", "splitlines")!.Call(run, JinjaArguments.Of())).Select(Python.Text).ToArray();
        run.Room(text.Length + (long)lines.Length * front.Length);
        return string.Join('\n', lines.Select((line, i) => (i == 0 ? first : blank || line.Length > 0) ? front + line : line));
    }

    private static string Truncate(string text, JinjaArguments arguments)
    {
        var (length, end) = ((int)Math.Clamp(Python.Whole(arguments.Get(0, "length", 255L)) ?? 255, 0, int.MaxValue / 2), Python.Text(arguments.Get(2, "end", "...")));
        var points = Python.Points(text).ToList();
        if (points.Count <= length + (Python.Whole(arguments.Get(3, "leeway", 5L)) ?? 5))
            return text;
        var kept = string.Concat(points.Take(Math.Max(0, length - Python.Length(end))));
        if (!Python.Truth(arguments.Get(1, "killwords", false)) && kept.LastIndexOf(' ') is > 0 and var blank)
            kept = kept[..blank];
        return kept + end;
    }

    private static string Json(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var separators = arguments.Get(2, "separators", null) as List<object?>;
        var indent = arguments.Get(1, "indent", null);
        return JinjaFormat.Json(
            run, value, Python.Truth(arguments.Get(0, "ensure_ascii", false)), indent is null ? null : (int)Math.Clamp(Python.Whole(indent) ?? 0, 0, 100),
            separators is { Count: 2 } ? Python.Text(separators[0]) : null, separators is { Count: 2 } ? Python.Text(separators[1]) : null,
            Python.Truth(arguments.Get(3, "sort_keys", false)));
    }

    private static JinjaMap Named(JinjaArguments arguments)
    {
        var map = new JinjaMap();
        foreach (var (name, value) in arguments.Named)
            map[name] = value;
        return map;
    }

    [GeneratedRegex(@"\w+")]
    private static partial Regex Words();

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tags();
}
