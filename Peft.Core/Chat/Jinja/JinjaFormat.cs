using System.Globalization;
using System.Text;

namespace Peft.Core.Chat.Jinja;

/// <summary>Python's two ways to format: <c>%</c> and <c>str.format</c>, and JSON as json.dumps writes it.</summary>
internal static class JinjaFormat
{
    public static string Percent(JinjaRun run, string format, IReadOnlyList<object?> values, JinjaMap? named)
    {
        var result = new StringBuilder();
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                result.Append(format[i]);
                continue;
            }

            if (++i >= format.Length)
                throw new JinjaException("ValueError", "incomplete format");
            if (format[i] == '%')
            {
                result.Append('%');
                continue;
            }

            object? value = null;
            var given = false;
            if (format[i] == '(')
            {
                var close = format.IndexOf(')', i);
                if (close < 0 || named is null)
                    throw JinjaException.Type("format requires a mapping");
                value = named.TryGet(format[(i + 1)..close], out var found) ? found : throw new JinjaException("KeyError", format[(i + 1)..close]);
                given = true;
                i = close + 1;
            }

            var flags = i;
            while (i < format.Length && format[i] is '-' or '+' or ' ' or '0' or '#')
                i++;
            var width = i;
            while (i < format.Length && char.IsAsciiDigit(format[i]))
                i++;
            var point = i;
            if (i < format.Length && format[i] == '.')
            {
                i++;
                while (i < format.Length && char.IsAsciiDigit(format[i]))
                    i++;
            }

            if (i >= format.Length)
                throw new JinjaException("ValueError", "incomplete format");
            if (!given)
                value = next < values.Count ? values[next++] : throw JinjaException.Type("not enough arguments for format string");
            var sign = format[flags..width];
            var specification = (sign.Contains('-', StringComparison.Ordinal) ? "<" : ">") + (sign.Contains('+', StringComparison.Ordinal) ? "+" : "")
                + (sign.Contains('0', StringComparison.Ordinal) && !sign.Contains('-', StringComparison.Ordinal) ? "0" : "") + format[width..point] + format[point..i];
            result.Append(format[i] switch
            {
                's' => Specified(run, Python.Text(value), specification),
                'r' => Specified(run, Python.Repr(value), specification),
                'd' or 'i' or 'u' => Specified(run, value is double real ? (long)real : Python.Whole(value) ?? throw JinjaException.Type($"%d format: a real number is required, not {Python.TypeName(value)}"), specification + "d"),
                'f' or 'F' or 'e' or 'g' or 'x' or 'X' or 'o' => Specified(run, value, specification + format[i]),
                'c' => Python.Text(value),
                var other => throw new JinjaException("ValueError", $"unsupported format character '{other}'"),
            });
        }

        if (named is null && next < values.Count)
            throw JinjaException.Type("not all arguments converted during string formatting");
        run.Room(result.Length);
        return result.ToString();
    }

    public static string Braces(JinjaRun run, string format, JinjaArguments arguments)
    {
        var result = new StringBuilder();
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            var unit = format[i];
            if (unit is '{' or '}' && i + 1 < format.Length && format[i + 1] == unit)
            {
                result.Append(unit);
                i++;
                continue;
            }

            if (unit == '}')
                throw new JinjaException("ValueError", "Single '}' encountered in format string");
            if (unit != '{')
            {
                result.Append(unit);
                continue;
            }

            var close = format.IndexOf('}', i);
            if (close < 0)
                throw new JinjaException("ValueError", "expected '}' before end of string");
            var field = format[(i + 1)..close];
            i = close;
            var colon = field.IndexOf(':', StringComparison.Ordinal);
            var (path, specification) = colon < 0 ? (field, "") : (field[..colon], field[(colon + 1)..]);
            var conversion = path.IndexOf('!', StringComparison.Ordinal) is >= 0 and var mark ? path[(mark + 1)..] : "";
            path = conversion.Length > 0 ? path[..^(conversion.Length + 1)] : path;
            var names = path.Split('.', '[');
            object? value = names[0].Length == 0 ? At(arguments, next++)
                : int.TryParse(names[0], NumberStyles.None, CultureInfo.InvariantCulture, out var place) ? At(arguments, place)
                : arguments.Named.TryGetValue(names[0], out var named) ? named : throw new JinjaException("KeyError", names[0]);
            foreach (var name in names.Skip(1))
                value = JinjaAccess.Item(value, int.TryParse(name.TrimEnd(']'), NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? (long)index : name.TrimEnd(']'));
            result.Append(Specified(run, conversion == "r" ? Python.Repr(value) : conversion == "s" ? Python.Text(value) : value, specification));
        }

        run.Room(result.Length);
        return result.ToString();
    }

    private static object? At(JinjaArguments arguments, int place) => place < arguments.Positional.Count
        ? arguments.Positional[place]
        : throw new JinjaException("IndexError", "Replacement index out of range for positional args tuple");

    /// <summary>[[fill]align][sign][0][width][,][.precision][type].</summary>
    private static string Specified(JinjaRun run, object? value, string specification)
    {
        var i = 0;
        var (fill, align) = (' ', '\0');
        if (specification.Length > 1 && specification[1] is '<' or '>' or '^')
            (fill, align, i) = (specification[0], specification[1], 2);
        else if (specification.Length > 0 && specification[0] is '<' or '>' or '^')
            (align, i) = (specification[0], 1);
        var plus = i < specification.Length && specification[i] is '+' or '-' or ' ' ? specification[i++] : '-';
        if (i < specification.Length && specification[i] == '#')
            i++;
        var zero = i < specification.Length && specification[i] == '0';
        int Number()
        {
            var from = i;
            while (i < specification.Length && char.IsAsciiDigit(specification[i]))
                i++;
            return from == i ? -1 : int.TryParse(specification.AsSpan(from, i - from), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : int.MaxValue;
        }

        var width = Number();
        var grouped = i < specification.Length && specification[i] == ',' && i++ >= 0;
        var precision = -1;
        if (i < specification.Length && specification[i] == '.')
        {
            i++;
            precision = Number();
        }

        run.Room(Math.Max(0L, width));
        if (precision > 300 && value is not string)
            throw new JinjaException("ValueError", "precision too big");
        var type = i < specification.Length ? specification[i] : '\0';
        var text = value switch
        {
            string plain => precision >= 0 && precision < plain.Length ? plain[..precision] : plain,
            _ when Python.Number(value) is { } number && (value is not bool || type != '\0') => Numeric(value, number, type, precision, grouped),
            _ => Python.Text(value),
        };
        if (Python.Number(value) is not null && value is not bool && plus != '-' && !text.StartsWith('-'))
            text = plus + text;
        var missing = width - Python.Length(text);
        if (missing <= 0)
            return text;
        if (zero && align == '\0' && value is not string)
        {
            var sign = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
            return text[..sign] + new string('0', missing) + text[sign..];
        }

        if (zero && align == '>' && value is not string)
            fill = '0';
        return (align == '\0' ? value is string ? '<' : '>' : align) switch
        {
            '<' => text + new string(fill, missing),
            '^' => new string(fill, missing / 2) + text + new string(fill, missing - missing / 2),
            _ => new string(fill, missing) + text,
        };
    }

    private static string Numeric(object? value, double number, char type, int precision, bool grouped)
    {
        var culture = CultureInfo.InvariantCulture;
        var digits = (precision < 0 ? 6 : precision).ToString(culture);
        return type switch
        {
            'f' or 'F' => number.ToString((grouped ? "N" : "F") + digits, culture),
            'e' => Exponent(number.ToString("e" + digits, culture)),
            'g' => Exponent(number.ToString("g" + (precision < 0 ? "6" : digits), culture)),
            '%' => (number * 100).ToString("F" + digits, culture) + "%",
            'x' or 'X' => ((long)number).ToString(type.ToString(), culture),
            'o' => Convert.ToString((long)number, 8),
            'b' => Convert.ToString((long)number, 2),
            _ when value is double => precision >= 0 ? number.ToString("G" + digits, culture) : Python.Real(number),
            _ => ((long)number).ToString(grouped ? "N0" : "D", culture),
        };
    }

    /// <summary>Python writes at least two digits of an exponent, .NET three.</summary>
    private static string Exponent(string text)
    {
        var at = text.IndexOf('e', StringComparison.Ordinal);
        return at < 0 ? text : text[..(at + 2)] + text[(at + 2)..].TrimStart('0').PadLeft(2, '0');
    }

    /// <summary>json.dumps: nothing is escaped for HTML, and characters beyond ASCII stay unless asked otherwise.</summary>
    public static string Json(JinjaRun run, object? value, bool ascii, int? indent, string? itemSeparator, string? keySeparator, bool sorted)
    {
        var result = new StringBuilder();
        var (items, keys) = (itemSeparator ?? (indent is null ? ", " : ","), keySeparator ?? ": ");
        Write(value, 0);
        run.Room(result.Length);
        return result.ToString();

        void Line(int depth)
        {
            if (indent is { } width)
                result.Append('\n').Append(' ', Math.Min(width, 100) * depth);
        }

        void Write(object? node, int depth)
        {
            run.Step();
            if (result.Length % 4096 > 4000)
                run.Room(result.Length);
            switch (node)
            {
                case null: result.Append("null"); break;
                case bool flag: result.Append(flag ? "true" : "false"); break;
                case string text: Quote(text); break;
                case long or double: result.Append(node is double real && !double.IsFinite(real) ? double.IsNaN(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity" : Python.Repr(node)); break;
                case JinjaMap map:
                    Many('{', '}', sorted ? [.. map.Keys.Order(Comparer<object?>.Create((a, b) => Python.Compare(a, b, "<")))] : map.Keys, depth, key =>
                    {
                        Quote(key switch
                        {
                            string text => text,
                            null => "null",
                            bool flag => flag ? "true" : "false",
                            long or double => Python.Repr(key),
                            _ => throw JinjaException.Type($"keys must be str, int, float, bool or None, not {Python.TypeName(key)}"),
                        });
                        result.Append(keys);
                        Write(map[key], depth + 1);
                    });
                    break;
                case List<object?> list:
                    Many('[', ']', list, depth, item => Write(item, depth + 1));
                    break;
                default:
                    throw JinjaException.Type($"Object of type {Python.TypeName(node)} is not JSON serializable");
            }
        }

        void Many(char open, char close, IReadOnlyList<object?> parts, int depth, Action<object?> write)
        {
            result.Append(open);
            for (var i = 0; i < parts.Count; i++)
            {
                if (i > 0)
                    result.Append(items);
                Line(depth + 1);
                write(parts[i]);
            }

            if (parts.Count > 0)
                Line(depth);
            result.Append(close);
        }

        void Quote(string text)
        {
            result.Append('"');
            foreach (var unit in text)
            {
                _ = unit switch
                {
                    '"' => result.Append("\\\""),
                    '\\' => result.Append("\\\\"),
                    '\n' => result.Append("\\n"),
                    '\r' => result.Append("\\r"),
                    '\t' => result.Append("\\t"),
                    '\b' => result.Append("\\b"),
                    '\f' => result.Append("\\f"),
                    < ' ' => result.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}"),
                    >= '\x7F' when ascii && unit != '\x7F' => result.Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}"),
                    _ => result.Append(unit),
                };
            }

            result.Append('"');
        }
    }
}
