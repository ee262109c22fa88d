using System.Globalization;
using System.Text;

namespace Peft.Core.Chat.Jinja;

/// <summary>A name or attribute that is not there: prints nothing, counts as false, and any other use says what is missing.</summary>
internal sealed record Undefined(string Message)
{
    public bool Unsafe { get; init; }

    public JinjaException Error() => new(Unsafe ? "SecurityError" : "UndefinedError", Message);
}

/// <summary>A tuple, which prints in round brackets.</summary>
internal class JinjaTuple(IEnumerable<object?> items) : List<object?>(items);

/// <summary>A group of <c>groupby</c>: what the items have in common, and the items.</summary>
internal sealed class JinjaGroup(object? grouper, List<object?> items) : JinjaTuple([grouper, items]);

/// <summary>A mapping that keeps the order of its keys.</summary>
internal sealed class JinjaMap
{
    private readonly Dictionary<object, object?> values = new(JinjaKeys.Instance);
    private readonly List<object?> keys = [];

    public IReadOnlyList<object?> Keys => keys;

    public int Count => keys.Count;

    public object? this[object? key]
    {
        get => values[Key(key)];
        set
        {
            if (values.TryAdd(Key(key), value))
                keys.Add(key);
            else
                values[Key(key)] = value;
        }
    }

    public bool TryGet(object? key, out object? value) => values.TryGetValue(Key(key), out value);

    private static object Key(object? key) => key switch
    {
        null => DBNull.Value,
        JinjaMap => throw JinjaException.Type("unhashable type: 'dict'"),
        List<object?> and not JinjaTuple => throw JinjaException.Type("unhashable type: 'list'"),
        Undefined undefined => throw undefined.Error(),
        _ => key,
    };

    private sealed class JinjaKeys : IEqualityComparer<object>
    {
        public static JinjaKeys Instance { get; } = new();

        public new bool Equals(object? x, object? y) => Python.Equal(x, y);

        public int GetHashCode(object obj) => obj switch
        {
            bool flag => flag ? 1.0.GetHashCode() : 0.0.GetHashCode(),
            long whole => ((double)whole).GetHashCode(),
            double real => real.GetHashCode(),
            JinjaTuple tuple => tuple.Count,
            _ => obj.GetHashCode(),
        };
    }
}

/// <summary>What <c>namespace()</c> makes: its attributes can be set.</summary>
internal sealed class JinjaNamespace
{
    public Dictionary<string, object?> Values { get; } = new(StringComparer.Ordinal);
}

/// <summary>Arguments of a call.</summary>
internal sealed record JinjaArguments(IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    private static readonly Dictionary<string, object?> s_none = [];

    public static JinjaArguments Of(params object?[] positional) => new(positional, s_none);

    /// <summary>An argument by place or name.</summary>
    public object? Get(int place, string name, object? absent) =>
        place < Positional.Count ? Positional[place] : Named.TryGetValue(name, out var value) ? value : absent;

    public bool Has(int place, string name) => place < Positional.Count || Named.ContainsKey(name);
}

/// <summary>Something that can be called.</summary>
internal sealed class JinjaFunction(string name, Func<JinjaRun, JinjaArguments, object?> call)
{
    public string Name { get; } = name;

    public object? Call(JinjaRun run, JinjaArguments arguments) => call(run, arguments);

    /// <summary>Attributes that some functions and loops have.</summary>
    public Func<string, object?>? Attribute { get; init; }
}
