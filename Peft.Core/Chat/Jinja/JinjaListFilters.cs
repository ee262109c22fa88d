namespace Peft.Core.Chat.Jinja;

/// <summary>The filters that go through lists and mappings.</summary>
internal static class JinjaListFilters
{
    public static void Add(Dictionary<string, JinjaFilter> table)
    {
        table.Add("batch", (run, value, arguments) => Batch(run, value, arguments));
        table.Add("slice", (run, value, arguments) => Columns(run, value, arguments));
        table.Add("dictsort", (_, value, arguments) => DictSort(value, arguments));
        table.Add("groupby", (_, value, arguments) => Groups(value, arguments));
        table.Add("map", Map);
        table.Add("max", (_, value, arguments) => Extreme(value, arguments, 1));
        table.Add("min", (_, value, arguments) => Extreme(value, arguments, -1));
        table.Add("select", (_, value, arguments) => Select(value, arguments, null, 0, true));
        table.Add("reject", (_, value, arguments) => Select(value, arguments, null, 0, false));
        table.Add("selectattr", (_, value, arguments) => Select(value, arguments, arguments.Get(0, "attribute", null), 1, true));
        table.Add("rejectattr", (_, value, arguments) => Select(value, arguments, arguments.Get(0, "attribute", null), 1, false));
        table.Add("sort", (_, value, arguments) => Sort(value, arguments));
        table.Add("sum", (run, value, arguments) => Python.Items(value).Select(JinjaFilters.Attribute(arguments.Get(0, "attribute", null)))
            .Aggregate(arguments.Get(1, "start", 0L), (sum, item) => JinjaArithmetic.Apply(run, "+", sum, item)));
        table.Add("unique", (_, value, arguments) => Unique(value, arguments));
    }

    private static List<object?> Batch(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var size = (int)Math.Clamp(Python.Whole(arguments.Get(0, "linecount", 1L)) ?? 1, 1, int.MaxValue);
        var fill = arguments.Get(1, "fill_with", null);
        var rows = Python.Items(value).Chunk(size).Select(row => row.ToList()).ToList();
        if (fill is not null && rows.Count > 0)
        {
            run.Room(size);
            rows[^1].AddRange(Enumerable.Repeat(fill, size - rows[^1].Count));
        }

        return [.. rows];
    }

    private static List<object?> Columns(JinjaRun run, object? value, JinjaArguments arguments)
    {
        var items = Python.Items(value);
        var count = Python.Whole(arguments.Get(0, "slices", 1L)) ?? 1;
        if (count <= 0)
            throw new JinjaException("ZeroDivisionError", "division by zero");
        run.Room(count);
        var (each, more, at) = (items.Count / count, items.Count % count, 0);
        var fill = arguments.Get(1, "fill_with", null);
        var columns = new List<object?>();
        for (var i = 0L; i < count; i++)
        {
            var size = (int)(each + (i < more ? 1 : 0));
            var column = items.Skip(at).Take(size).ToList();
            at += size;
            if (fill is not null && i >= more)
                column.Add(fill);
            columns.Add(column);
        }

        return columns;
    }

    private static List<object?> DictSort(object? value, JinjaArguments arguments)
    {
        if (value is not JinjaMap map)
            throw JinjaException.Type("dictsort needs a mapping");
        var place = Python.Text(arguments.Get(1, "by", "key")) == "value" ? 1 : 0;
        return Sorted(JinjaMethods.Items(map), pair => ((JinjaTuple)pair!)[place], Python.Truth(arguments.Get(0, "case_sensitive", false)), Python.Truth(arguments.Get(2, "reverse", false)));
    }

    private static List<object?> Groups(object? value, JinjaArguments arguments)
    {
        var sensitive = Python.Truth(arguments.Get(2, "case_sensitive", false));
        var attribute = JinjaFilters.Attribute(arguments.Get(0, "attribute", null), arguments.Get(1, "default", null));
        var groups = new List<object?>();
        object? last = null;
        foreach (var item in Sorted([.. Python.Items(value)], attribute, sensitive, reverse: false))
        {
            var key = attribute(item);
            if (groups.Count == 0 || !Python.Equal(Folded(key, sensitive), last))
                groups.Add(new JinjaGroup(key, []));
            last = Folded(key, sensitive);
            ((List<object?>)((JinjaGroup)groups[^1]!)[1]!).Add(item);
        }

        return groups;
    }

    private static List<object?> Map(JinjaRun run, object? value, JinjaArguments arguments)
    {
        if (arguments.Named.TryGetValue("attribute", out var attribute))
            return [.. Python.Items(value).Select(JinjaFilters.Attribute(attribute, arguments.Named.GetValueOrDefault("default")))];
        if (arguments.Positional.Count == 0)
            throw new JinjaException("FilterArgumentError", "map requires a filter argument");
        var filter = JinjaFilters.Find(Python.Text(arguments.Positional[0]));
        var rest = arguments with { Positional = [.. arguments.Positional.Skip(1)] };
        return [.. Python.Items(value).Select(item => filter(run, item, rest))];
    }

    private static object? Extreme(object? value, JinjaArguments arguments, int sign)
    {
        var (sensitive, attribute) = (Python.Truth(arguments.Get(0, "case_sensitive", false)), JinjaFilters.Attribute(arguments.Get(1, "attribute", null)));
        var items = Python.Items(value);
        if (items.Count == 0)
            return new Undefined("No aggregated item, sequence was empty.");
        return items.Aggregate((best, item) => Python.Compare(Folded(attribute(item), sensitive), Folded(attribute(best), sensitive), "<") * sign > 0 ? item : best);
    }

    private static List<object?> Select(object? value, JinjaArguments arguments, object? attribute, int place, bool keeps)
    {
        var name = place < arguments.Positional.Count ? Python.Text(arguments.Positional[place]) : null;
        var test = name is null ? null : JinjaTests.Find(name);
        var rest = arguments with { Positional = [.. arguments.Positional.Skip(place + 1)] };
        var take = JinjaFilters.Attribute(attribute);
        return [.. Python.Items(value).Where(item => (test is null ? Python.Truth(take(item)) : test(take(item), rest)) == keeps)];
    }

    private static List<object?> Sort(object? value, JinjaArguments arguments) => Sorted(
        [.. Python.Items(value)], JinjaFilters.Attribute(arguments.Get(2, "attribute", null)), Python.Truth(arguments.Get(1, "case_sensitive", false)), Python.Truth(arguments.Get(0, "reverse", false)));

    private static List<object?> Unique(object? value, JinjaArguments arguments)
    {
        var (sensitive, attribute) = (Python.Truth(arguments.Get(0, "case_sensitive", false)), JinjaFilters.Attribute(arguments.Get(1, "attribute", null)));
        var seen = new JinjaMap();
        var kept = new List<object?>();
        foreach (var item in Python.Items(value))
        {
            var key = Folded(attribute(item), sensitive);
            if (seen.TryGet(key, out _))
                continue;
            seen[key] = true;
            kept.Add(item);
        }

        return kept;
    }

    /// <summary>Stable, also backwards.</summary>
    private static List<object?> Sorted(List<object?> items, Func<object?, object?> key, bool sensitive, bool reverse)
    {
        var comparer = Comparer<object?>.Create((a, b) => Python.Compare(a, b, "<"));
        try
        {
            return [.. reverse ? items.OrderByDescending(item => Folded(key(item), sensitive), comparer) : items.OrderBy(item => Folded(key(item), sensitive), comparer)];
        }
        catch (InvalidOperationException error) when (error.InnerException is JinjaException inner)
        {
            throw inner;
        }
    }

    private static object? Folded(object? value, bool sensitive) => value is string text && !sensitive ? text.ToLowerInvariant() : value;
}
