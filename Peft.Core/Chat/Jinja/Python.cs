using System.Globalization;
using System.Text;

namespace Peft.Core.Chat.Jinja;

/// <summary>How Python compares, prints and counts values. Wholes are long, reals double, texts string, None null.</summary>
internal static class Python
{
    private const long MostWork = 4_000_000;

    [ThreadStatic]
    private static long t_work;

    /// <summary>Begins a rendering: what nested values may cost to compare and print is counted anew.</summary>
    public static void Begin() => t_work = 0;

    /// <summary>Lists that hold one list twice, again and again, would be gone through without end.</summary>
    private static void Count()
    {
        if (++t_work > MostWork)
            throw new JinjaException("LimitError", $"The chat template was stopped: it makes a text or list longer than {MostWork}.");
    }

    public static bool Truth(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long whole => whole != 0,
        double real => real != 0,
        string text => text.Length > 0,
        List<object?> list => list.Count > 0,
        JinjaMap map => map.Count > 0,
        _ => true,
    };

    public static bool Equal(object? a, object? b)
    {
        Count();
        if (Number(a) is { } left && Number(b) is { } right)
            return left == right;
        return (a, b) switch
        {
            (null, null) => true,
            (string x, string y) => x == y,
            (Undefined, Undefined) => true,
            (JinjaTuple x, JinjaTuple y) => Same(x, y),
            (JinjaTuple, _) or (_, JinjaTuple) => false,
            (List<object?> x, List<object?> y) => Same(x, y),
            (JinjaMap x, JinjaMap y) => x.Count == y.Count && x.Keys.All(key => y.TryGet(key, out var other) && Equal(x[key], other)),
            _ => ReferenceEquals(a, b),
        };
    }

    public static int Compare(object? a, object? b, string sign)
    {
        if (Number(a) is { } left && Number(b) is { } right)
            return left.CompareTo(right);
        switch (a, b)
        {
            case (Undefined x, _):
                throw x.Error();
            case (_, Undefined y):
                throw y.Error();
            case (string x, string y):
                return ComparePoints(x, y);
            case (List<object?> x, List<object?> y) when x is JinjaTuple == y is JinjaTuple:
                for (var i = 0; i < Math.Min(x.Count, y.Count); i++)
                {
                    if (!Equal(x[i], y[i]))
                        return Compare(x[i], y[i], sign);
                }

                return x.Count.CompareTo(y.Count);
            default:
                throw JinjaException.Type($"'{sign}' not supported between instances of '{TypeName(a)}' and '{TypeName(b)}'");
        }
    }

    public static double? Number(object? value) => value switch
    {
        bool flag => flag ? 1 : 0,
        long whole => whole,
        double real => real,
        _ => null,
    };

    /// <summary>A whole number, which True and False count as.</summary>
    public static long? Whole(object? value) => value switch
    {
        bool flag => flag ? 1 : 0,
        long whole => whole,
        _ => null,
    };

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long => "int",
        double => "float",
        string => "str",
        JinjaTuple => "tuple",
        List<object?> => "list",
        JinjaMap => "dict",
        JinjaNamespace => "Namespace",
        Undefined => "Undefined",
        _ => "function",
    };

    /// <summary>How a value's type is called in messages of missing attributes.</summary>
    public static string Described(object? value) => value is null ? "None" : TypeName(value) + " object";

    public static string Text(object? value) => value is string text ? text : value is Undefined ? "" : Repr(value);

    public static string Repr(object? value)
    {
        var result = new StringBuilder();
        Repr(value, result);
        return result.ToString();
    }

    public static string Real(double value)
    {
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        var digits = value.ToString("E16", CultureInfo.InvariantCulture);
        var shortest = value.ToString("R", CultureInfo.InvariantCulture);
        var exponent = int.Parse(digits.AsSpan(digits.IndexOf('E') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (value != 0 && exponent is < -4 or >= 16)
        {
            var plain = shortest.Replace("-", "", StringComparison.Ordinal);
            var mantissa = plain.Contains('E', StringComparison.Ordinal) ? plain[..plain.IndexOf('E')] : plain;
            var significant = mantissa.Replace(".", "", StringComparison.Ordinal).Trim('0');
            var point = significant.Length > 1 ? significant[..1] + "." + significant[1..] : significant.Length == 0 ? "0" : significant;
            return string.Create(CultureInfo.InvariantCulture, $"{(value < 0 ? "-" : "")}{point}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }

        if (shortest.Contains('E', StringComparison.Ordinal))
            shortest = ((decimal)value).ToString(CultureInfo.InvariantCulture);
        return shortest.Contains('.', StringComparison.Ordinal) ? shortest : shortest + ".0";
    }

    /// <summary>The items of something that can be gone through; a text's are its characters, a mapping's its keys.</summary>
    public static IReadOnlyList<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        string text => [.. Points(text)],
        JinjaMap map => map.Keys,
        Undefined { Unsafe: false } => [],
        Undefined undefined => throw undefined.Error(),
        _ => throw JinjaException.Type($"'{TypeName(value)}' object is not iterable"),
    };

    /// <summary>The characters of a text.</summary>
    public static IEnumerable<object?> Points(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            var length = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
            yield return text.Substring(i, length);
            i += length;
        }
    }

    public static int Length(string text)
    {
        var count = text.Length;
        for (var i = 0; i + 1 < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i], text[i + 1]))
                count--;
        }

        return count;
    }

    private static int ComparePoints(string a, string b)
    {
        // By code points, not units: a surrogate is above everything of the basic plane.
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            if (a[i] == b[i])
                continue;
            var (high, low) = (char.IsSurrogate(a[i]), char.IsSurrogate(b[i]));
            return high == low ? a[i].CompareTo(b[i]) : high ? 1 : -1;
        }

        return a.Length.CompareTo(b.Length);
    }

    private static bool Same(List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(pair => Equal(pair.First, pair.Second));

    private static void Repr(object? value, StringBuilder result)
    {
        Count();
        switch (value)
        {
            case null: result.Append("None"); break;
            case bool flag: result.Append(flag ? "True" : "False"); break;
            case long whole: result.Append(whole.ToString(CultureInfo.InvariantCulture)); break;
            case double real: result.Append(Real(real)); break;
            case string text: Quote(text, result); break;
            case Undefined: result.Append("Undefined"); break;
            case JinjaTuple tuple:
                Join(tuple, "(", tuple.Count == 1 ? ",)" : ")", result);
                break;
            case List<object?> list:
                Join(list, "[", "]", result);
                break;
            case JinjaMap map:
                result.Append('{');
                for (var i = 0; i < map.Count; i++)
                {
                    result.Append(i > 0 ? ", " : "");
                    Repr(map.Keys[i], result);
                    result.Append(": ");
                    Repr(map[map.Keys[i]], result);
                }

                result.Append('}');
                break;
            case JinjaNamespace space:
                result.Append("<Namespace {").AppendJoin(", ", space.Values.Select(pair => $"{Repr(pair.Key)}: {Repr(pair.Value)}")).Append("}>");
                break;
            case JinjaFunction function:
                result.Append("<function ").Append(function.Name).Append('>');
                break;
            default:
                result.Append(value);
                break;
        }
    }

    private static void Join(List<object?> items, string open, string close, StringBuilder result)
    {
        result.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            result.Append(i > 0 ? ", " : "");
            Repr(items[i], result);
        }

        result.Append(close);
    }

    private static void Quote(string text, StringBuilder result)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        result.Append(quote);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == quote || rune.Value == '\\')
                result.Append('\\').Append(rune.ToString());
            else if (rune.Value == '\n')
                result.Append("\\n");
            else if (rune.Value == '\r')
                result.Append("\\r");
            else if (rune.Value == '\t')
                result.Append("\\t");
            else if (Printable(rune))
                result.Append(rune.ToString());
            else
                result.Append(rune.Value <= 0xFF ? $"\\x{rune.Value:x2}" : rune.Value <= 0xFFFF ? $"\\u{rune.Value:x4}" : $"\\U{rune.Value:x8}");
        }

        result.Append(quote);
    }

    private static bool Printable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
