namespace Peft.Core.Chat.Jinja;

/// <summary>A test behind <c>is</c>.</summary>
internal delegate bool JinjaTest(object? value, JinjaArguments arguments);

/// <summary>Jinja2's tests. https://jinja.palletsprojects.com/en/stable/templates/#builtin-tests</summary>
internal static class JinjaTests
{
    private static readonly Dictionary<string, JinjaTest> s_all = Table();

    /// <summary>A test by its name.</summary>
    /// <exception cref="JinjaException">There is none.</exception>
    public static JinjaTest Find(string name) => s_all.TryGetValue(name, out var test) ? test : throw new JinjaException("TemplateAssertionError", $"No test named '{name}'.");

    private static Dictionary<string, JinjaTest> Table()
    {
        var table = new Dictionary<string, JinjaTest>(StringComparer.Ordinal);
        void Add(JinjaTest test, params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
                table.Add(name, test);
        }

        void Compares(string sign, params ReadOnlySpan<string> names) => Add((value, arguments) => JinjaArithmetic.Holds(sign, value, arguments.Get(0, "other", null)), names);
        Add((value, _) => value is bool, "boolean");
        Add((value, _) => value is true, "true");
        Add((value, _) => value is false, "false");
        Add((value, _) => value is JinjaFunction, "callable");
        Add((value, _) => value is not Undefined, "defined");
        Add((value, _) => value is Undefined, "undefined");
        Add((value, _) => value is null, "none");
        Add((value, _) => value is string, "string");
        Add((value, _) => value is long, "integer");
        Add((value, _) => value is double, "float");
        Add((value, _) => value is bool or long or double, "number");
        Add((value, _) => value is JinjaMap, "mapping");
        Add((value, _) => value is string or List<object?> or JinjaMap or Undefined, "iterable", "sequence");
        Add((_, _) => false, "escaped");
        Add((value, _) => Modulo(value, 2) == 0, "even");
        Add((value, _) => Modulo(value, 2) == 1, "odd");
        Add((value, arguments) => Python.Whole(arguments.Get(0, "num", null)) is { } by ? Modulo(value, by) == 0 : throw JinjaException.Type("divisibleby needs a whole number"), "divisibleby");
        Add((value, _) => Python.Text(value) is var text && text.Any(char.IsLower) && !text.Any(char.IsUpper), "lower");
        Add((value, _) => Python.Text(value) is var text && text.Any(char.IsUpper) && !text.Any(char.IsLower), "upper");
        Add((value, arguments) => JinjaArithmetic.Contains(arguments.Get(0, "seq", null), value), "in");
        Add((value, arguments) => arguments.Get(0, "other", null) is var other && (ReferenceEquals(value, other) || (Python.TypeName(value) == Python.TypeName(other) && Python.Equal(value, other))), "sameas");
        Add((value, _) => HasFilter(Python.Text(value)), "filter");
        Add((value, _) => s_all.ContainsKey(Python.Text(value)), "test");
        Compares("==", "eq", "equalto", "==");
        Compares("!=", "ne", "!=");
        Compares("<", "lt", "lessthan", "<");
        Compares("<=", "le", "<=");
        Compares(">", "gt", "greaterthan", ">");
        Compares(">=", "ge", ">=");
        return table;
    }

    private static bool HasFilter(string name)
    {
        try
        {
            return JinjaFilters.Find(name) is not null;
        }
        catch (JinjaException)
        {
            return false;
        }
    }

    private static long Modulo(object? value, long by) => by == 0
        ? throw new JinjaException("ZeroDivisionError", "integer modulo by zero")
        : value is Undefined undefined ? throw undefined.Error()
        : Python.Whole(value) is { } whole ? (whole % by + by) % by
        : value is double real ? real % by == 0 ? 0 : (long)Math.Floor(real - Math.Floor(real / by) * by) == 1 && real % 1 == 0 ? 1 : -1
        : throw JinjaException.Type($"unsupported operand type(s) for %: '{Python.TypeName(value)}' and 'int'");
}
