using System.Globalization;
using System.Text;

namespace Peft.Core.Chat.Jinja;

/// <summary>What every template knows by name: Jinja2's functions and the two that transformers adds.</summary>
internal static class JinjaGlobals
{
    private const int LongestRange = 100_000; // the limit of Jinja2's sandbox

    public static IReadOnlyDictionary<string, object?> All { get; } = new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["range"] = new JinjaFunction("range", (run, arguments) => Range(run, arguments)),
        ["dict"] = new JinjaFunction("dict", (_, arguments) => Map(arguments)),
        ["namespace"] = new JinjaFunction("namespace", (_, arguments) => Namespace(arguments)),
        ["cycler"] = new JinjaFunction("cycler", (_, arguments) => Cycler(arguments.Positional)),
        ["joiner"] = new JinjaFunction("joiner", (_, arguments) => Joiner(Python.Text(arguments.Get(0, "sep", ", ")))),
        ["lipsum"] = new JinjaFunction("lipsum", (_, _) => "Lorem ipsum dolor sit amet, consectetur adipiscing elit."),
        ["raise_exception"] = new JinjaFunction("raise_exception", (_, arguments) => throw new JinjaException("TemplateError", Python.Text(arguments.Get(0, "message", "")))),
        ["strftime_now"] = new JinjaFunction("strftime_now", (run, arguments) => Time(run.Clock.GetLocalNow(), Python.Text(arguments.Get(0, "format", "")))),
    };

    private static List<object?> Range(JinjaRun run, JinjaArguments arguments)
    {
        long At(int place) => Python.Whole(arguments.Positional[place]) ?? throw JinjaException.Type($"'{Python.TypeName(arguments.Positional[place])}' object cannot be interpreted as an integer");
        var count = arguments.Positional.Count;
        if (count is 0 or > 3)
            throw JinjaException.Type($"range expected 1 to 3 arguments, got {count}");
        var (start, stop, step) = count == 1 ? (0, At(0), 1) : (At(0), At(1), count == 3 ? At(2) : 1);
        if (step == 0)
            throw new JinjaException("ValueError", "range() arg 3 must not be zero");
        var length = step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step;
        if (length > LongestRange)
            throw new JinjaException("OverflowError", $"Range too big. The sandbox blocks ranges larger than MAX_RANGE={LongestRange}.");
        run.Room(Math.Max(0, length));
        var list = new List<object?>();
        for (var i = 0L; i < length; i++)
            list.Add(start + i * step);
        return list;
    }

    private static JinjaMap Map(JinjaArguments arguments)
    {
        var map = new JinjaMap();
        switch (arguments.Get(0, "", null))
        {
            case JinjaMap other:
                foreach (var key in other.Keys)
                    map[key] = other[key];
                break;
            case List<object?> pairs:
                foreach (var pair in pairs)
                {
                    var items = Python.Items(pair);
                    if (items.Count != 2)
                        throw new JinjaException("ValueError", "dictionary update sequence elements have length 2");
                    map[items[0]] = items[1];
                }

                break;
        }

        foreach (var (name, value) in arguments.Named)
            map[name] = value;
        return map;
    }

    private static JinjaNamespace Namespace(JinjaArguments arguments)
    {
        var space = new JinjaNamespace();
        var map = Map(arguments);
        foreach (var key in map.Keys)
            space.Values[Python.Text(key)] = map[key];
        return space;
    }

    private static JinjaFunction Cycler(IReadOnlyList<object?> items)
    {
        if (items.Count == 0)
            throw JinjaException.Type("at least one item has to be provided");
        var place = 0;
        return new JinjaFunction("cycler", (_, _) => throw JinjaException.Type("'Cycler' object is not callable"))
        {
            Attribute = name => name switch
            {
                "current" => items[place],
                "next" => new JinjaFunction("next", (_, _) =>
                {
                    var item = items[place];
                    place = (place + 1) % items.Count;
                    return item;
                }),
                "reset" => new JinjaFunction("reset", (_, _) =>
                {
                    place = 0;
                    return null;
                }),
                _ => new Undefined($"'Cycler object' has no attribute '{name}'"),
            },
        };
    }

    private static JinjaFunction Joiner(string separator)
    {
        var used = false;
        return new JinjaFunction("joiner", (_, _) =>
        {
            var text = used ? separator : "";
            used = true;
            return text;
        });
    }

    /// <summary>Python's strftime; a minus drops leading zeros, as the C library has it.</summary>
    private static string Time(DateTimeOffset now, string format)
    {
        var result = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length)
            {
                result.Append(format[i]);
                continue;
            }

            var bare = format[i + 1] == '-' && i + 2 < format.Length;
            i += bare ? 2 : 1;
            var part = Part(now, format[i]);
            result.Append(bare && part.TrimStart('0') is { Length: > 0 } trimmed ? trimmed : bare && part.All(char.IsAsciiDigit) ? "0" : part);
        }

        return result.ToString();
    }

    private static string Part(DateTimeOffset now, char which)
    {
        string Text(string form) => now.ToString(form, CultureInfo.InvariantCulture);
        return which switch
        {
            'Y' => Text("yyyy"),
            'y' => Text("yy"),
            'm' => Text("MM"),
            'd' => Text("dd"),
            'e' => now.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'H' => Text("HH"),
            'I' => Text("hh"),
            'M' => Text("mm"),
            'S' => Text("ss"),
            'f' => Text("ffffff"),
            'p' => now.Hour < 12 ? "AM" : "PM",
            'B' => Text("MMMM"),
            'b' or 'h' => Text("MMM"),
            'A' => Text("dddd"),
            'a' => Text("ddd"),
            'j' => now.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
            'w' => ((int)now.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'u' => (now.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)now.DayOfWeek).ToString(CultureInfo.InvariantCulture),
            'F' => Text("yyyy-MM-dd"),
            'D' or 'x' => Text("MM/dd/yy"),
            'T' or 'X' => Text("HH:mm:ss"),
            'R' => Text("HH:mm"),
            'c' => Text("ddd MMM") + " " + now.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2) + Text(" HH:mm:ss yyyy"),
            'z' or 'Z' => "", // a naive time has no zone
            's' => now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => "%" + which,
        };
    }
}
