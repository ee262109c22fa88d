namespace Peft.Core.Chat.Jinja;

/// <summary>Operators with Python's rules.</summary>
internal static class JinjaArithmetic
{
    public static object? Sign(string sign, object? value)
    {
        if (value is Undefined undefined)
            throw undefined.Error();
        if (Python.Whole(value) is { } whole)
            return sign == "-" ? -whole : whole;
        if (value is double real)
            return sign == "-" ? -real : real;
        throw JinjaException.Type($"bad operand type for unary {sign}: '{Python.TypeName(value)}'");
    }

    public static bool Holds(string sign, object? left, object? right) => sign switch
    {
        "==" => Python.Equal(left, right),
        "!=" => !Python.Equal(left, right),
        "in" => Contains(right, left),
        "not in" => !Contains(right, left),
        "<" => Python.Compare(left, right, sign) < 0,
        "<=" => Python.Compare(left, right, sign) <= 0,
        ">" => Python.Compare(left, right, sign) > 0,
        _ => Python.Compare(left, right, sign) >= 0,
    };

    public static bool Contains(object? container, object? item) => container switch
    {
        string text => item is string part ? text.Contains(part, StringComparison.Ordinal)
            : item is Undefined undefined ? throw undefined.Error()
            : throw JinjaException.Type($"'in <string>' requires string as left operand, not {Python.TypeName(item)}"),
        JinjaMap map => map.TryGet(item, out _),
        List<object?> list => list.Exists(entry => Python.Equal(entry, item)),
        Undefined { Unsafe: false } => false,
        Undefined undefined => throw undefined.Error(),
        _ => throw JinjaException.Type($"argument of type '{Python.TypeName(container)}' is not iterable"),
    };

    public static object? Apply(JinjaRun run, string sign, object? left, object? right)
    {
        if (left is Undefined first)
            throw first.Error();
        if (right is Undefined second)
            throw second.Error();
        if (Python.Number(left) is { } a && Python.Number(right) is { } b)
            return Numbers(sign, left, right, a, b);
        switch (sign, left, right)
        {
            case ("+", string x, string y):
                run.Room((long)x.Length + y.Length);
                return x + y;
            case ("+", List<object?> x, List<object?> y) when x is JinjaTuple == y is JinjaTuple:
                run.Room((long)x.Count + y.Count);
                return x is JinjaTuple ? new JinjaTuple(x.Concat(y)) : x.Concat(y).ToList();
            case ("*", string text, _) when Python.Whole(right) is { } times:
                return Repeat(run, text, times);
            case ("*", _, string text) when Python.Whole(left) is { } times:
                return Repeat(run, text, times);
            case ("*", List<object?> list, _) when Python.Whole(right) is { } times:
                return Repeat(run, list, times);
            case ("*", _, List<object?> list) when Python.Whole(left) is { } times:
                return Repeat(run, list, times);
            case ("%", string format, _):
                return JinjaFormat.Percent(run, format, right is JinjaTuple tuple ? tuple : [right], right as JinjaMap);
            case ("+", string, _):
                throw JinjaException.Type($"can only concatenate str (not \"{Python.TypeName(right)}\") to str");
            case ("+", JinjaTuple or List<object?>, _):
                throw JinjaException.Type($"can only concatenate {Python.TypeName(left)} (not \"{Python.TypeName(right)}\") to {Python.TypeName(left)}");
            default:
                throw JinjaException.Type($"unsupported operand type(s) for {(sign == "**" ? "** or pow()" : sign)}: '{Python.TypeName(left)}' and '{Python.TypeName(right)}'");
        }
    }

    private static string Repeat(JinjaRun run, string text, long times)
    {
        if (times <= 0 || text.Length == 0)
            return "";
        run.Room(times > int.MaxValue ? long.MaxValue / 4 : text.Length * times);
        return string.Concat(Enumerable.Repeat(text, (int)times));
    }

    private static List<object?> Repeat(JinjaRun run, List<object?> list, long times)
    {
        if (times > 0 && list.Count > 0)
            run.Room(times > int.MaxValue ? long.MaxValue / 4 : list.Count * times);
        var many = Enumerable.Repeat(list, list.Count == 0 ? 0 : (int)Math.Max(0, times)).SelectMany(items => items);
        return list is JinjaTuple ? new JinjaTuple(many) : many.ToList();
    }

    private static object Numbers(string sign, object? left, object? right, double a, double b)
    {
        var (x, y) = (Python.Whole(left), Python.Whole(right));
        try
        {
            switch (sign)
            {
                case "+":
                    return x + y is not null ? (object)checked(x!.Value + y!.Value) : a + b;
                case "-":
                    return x - y is not null ? (object)checked(x!.Value - y!.Value) : a - b;
                case "*":
                    return x is { } p && y is { } q ? (object)checked(p * q) : a * b;
                case "/":
                    return b == 0 ? throw Zero(x is null || y is null ? "float division by zero" : "division by zero") : a / b;
                case "//":
                    if (b == 0)
                        throw Zero("integer division or modulo by zero");
                    return x is { } n && y is { } d ? (object)Floor(n, d) : Math.Floor(a / b);
                case "%":
                    if (b == 0)
                        throw Zero("integer modulo by zero");
                    return x is { } m && y is { } k ? (object)(m - Floor(m, k) * k) : a - Math.Floor(a / b) * b;
                default:
                    return x is { } @base && y is >= 0 ? (object)Power(@base, y.Value) : a == 0 && b < 0 ? throw Zero("0.0 cannot be raised to a negative power") : Math.Pow(a, b);
            }
        }
        catch (OverflowException)
        {
            throw new JinjaException("OverflowError", "a whole number beyond 64 bits");
        }
    }

    private static JinjaException Zero(string message) => new("ZeroDivisionError", message);

    private static long Floor(long n, long d) => n / d - (n % d != 0 && (n < 0) != (d < 0) ? 1 : 0);

    private static long Power(long value, long exponent)
    {
        long result = 1;
        for (; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) == 1)
                result = checked(result * value);
            if (exponent > 1)
                value = checked(value * value);
        }

        return result;
    }
}
