namespace Peft.Core.Chat.Jinja;

/// <summary>Attributes, items and slices. A method comes before a key of the same name; what changes a value is refused.</summary>
internal static class JinjaAccess
{
    private static readonly HashSet<string> s_changing =
        ["append", "extend", "insert", "remove", "pop", "reverse", "sort", "clear", "update", "setdefault", "popitem"];

    public static object? Attribute(object? owner, string name) => (Own(owner, name) ?? Keyed(owner, name)) is { } found ? found.Value : Missing(owner, name);

    public static object? Item(object? owner, object? key)
    {
        switch (owner)
        {
            case Undefined undefined:
                throw undefined.Error();
            case JinjaMap map when map.TryGet(key, out var value):
                return value;
            case List<object?> list when Python.Whole(key) is { } place:
                var at = place < 0 ? place + list.Count : place;
                return at >= 0 && at < list.Count ? list[(int)at] : Missing(owner, key);
            case string text when Python.Whole(key) is { } place:
                var points = Python.Points(text).ToList();
                var index = place < 0 ? place + points.Count : place;
                return index >= 0 && index < points.Count ? points[(int)index] : Missing(owner, key);
        }

        return key is string name ? Own(owner, name) is { } own ? own.Value : Missing(owner, name) : Missing(owner, key);
    }

    public static object? Slice(JinjaRun run, object? owner, object? start, object? stop, object? step)
    {
        long? Place(object? value) => value is null ? null : Python.Whole(value) ?? throw JinjaException.Type("slice indices must be integers or None or have an __index__ method");
        if (owner is Undefined undefined)
            throw undefined.Error();
        if (owner is not (string or List<object?>))
            throw JinjaException.Type($"'{Python.TypeName(owner)}' object is not subscriptable");
        var items = Python.Items(owner);
        var by = Place(step) ?? 1;
        if (by == 0)
            throw new JinjaException("ValueError", "slice step cannot be zero");
        long count = items.Count;
        long Clamp(long? place, long absent) => place is not { } given ? absent : Math.Clamp(given < 0 ? given + count : given, by > 0 ? 0 : -1, by > 0 ? count : count - 1);
        var (from, to) = by > 0 ? (Clamp(Place(start), 0), Clamp(Place(stop), count)) : (Clamp(Place(start), count - 1), Clamp(Place(stop), -1));
        var kept = new List<object?>();
        for (var i = from; by > 0 ? i < to : i > to; i += by)
            kept.Add(items[(int)i]);
        run.Room(kept.Count);
        return owner is string ? string.Concat(kept) : owner is JinjaTuple ? new JinjaTuple(kept) : kept;
    }

    /// <summary>What the value itself has under a name, wrapped since it may be None.</summary>
    private static Found? Own(object? owner, string name)
    {
        if (owner is Undefined undefined)
            throw undefined.Error();
        if (owner is JinjaMap or List<object?> and not JinjaTuple && s_changing.Contains(name))
            return new Found(new Undefined($"access to attribute '{name}' of '{Python.TypeName(owner)}' object is unsafe.") { Unsafe = true });
        return owner switch
        {
            JinjaFunction { Attribute: { } attribute } => new Found(attribute(name)),
            JinjaNamespace space => space.Values.TryGetValue(name, out var value) ? new Found(value) : null,
            string text => JinjaMethods.Text(text, name) is { } method ? new Found(method) : null,
            JinjaMap map => JinjaMethods.Map(map, name) is { } method ? new Found(method) : null,
            JinjaGroup group when name is "grouper" or "list" => new Found(group[name == "list" ? 1 : 0]),
            List<object?> list => JinjaMethods.List(list, name) is { } method ? new Found(method) : null,
            _ => null,
        };
    }

    private static Found? Keyed(object? owner, string name) => owner is JinjaMap map && map.TryGet(name, out var value) ? new Found(value) : null;

    private static Undefined Missing(object? owner, object? key) => new(key is string name
        ? $"'{Python.Described(owner)}' has no attribute '{name}'"
        : $"{Python.Described(owner)} has no element {Python.Repr(key)}");

    /// <summary>A value that was found, be it None.</summary>
    private sealed record Found(object? Value);
}
