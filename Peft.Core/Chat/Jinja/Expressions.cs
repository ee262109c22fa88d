namespace Peft.Core.Chat.Jinja;

/// <summary>A part of a template that has a value.</summary>
internal abstract class Expression
{
    public object? Value(JinjaRun run, JinjaScope scope)
    {
        run.Step();
        return Evaluate(run, scope);
    }

    protected abstract object? Evaluate(JinjaRun run, JinjaScope scope);
}

internal sealed class Constant(object? value) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => value;
}

internal sealed class NameOf(string name) : Expression
{
    public string Name { get; } = name;

    protected override object? Evaluate(JinjaRun run, JinjaScope scope) =>
        scope.TryGet(Name, out var value) || JinjaGlobals.All.TryGetValue(Name, out value) ? value : new Undefined($"'{Name}' is undefined");
}

internal sealed class ListOf(IReadOnlyList<Expression> items, bool tuple) : Expression
{
    public IReadOnlyList<Expression> Items { get; } = items;

    protected override object? Evaluate(JinjaRun run, JinjaScope scope)
    {
        var values = Items.Select(item => item.Value(run, scope));
        return tuple ? new JinjaTuple(values) : values.ToList();
    }
}

internal sealed class MapOf(IReadOnlyList<(Expression Key, Expression Value)> pairs) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope)
    {
        var map = new JinjaMap();
        foreach (var (key, value) in pairs)
            map[key.Value(run, scope)] = value.Value(run, scope);
        return map;
    }
}

internal sealed class Condition(Expression test, Expression then, Expression? otherwise) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => Python.Truth(test.Value(run, scope)) ? then.Value(run, scope)
        : otherwise is null ? new Undefined("the inline if-expression evaluated to false and no else section was defined.") : otherwise.Value(run, scope);
}

internal sealed class Logic(bool and, Expression left, Expression right) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope)
    {
        var value = left.Value(run, scope);
        return Python.Truth(value) == and ? right.Value(run, scope) : value;
    }
}

internal sealed class Unary(string sign, Expression operand) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope)
    {
        var value = operand.Value(run, scope);
        return sign == "not" ? !Python.Truth(value) : JinjaArithmetic.Sign(sign, value);
    }
}

internal sealed class Binary(string sign, Expression left, Expression right) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => JinjaArithmetic.Apply(run, sign, left.Value(run, scope), right.Value(run, scope));
}

internal sealed class Concatenation(IReadOnlyList<Expression> parts) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope)
    {
        var texts = parts.Select(part => Python.Text(part.Value(run, scope))).ToArray();
        run.Room(texts.Sum(text => (long)text.Length));
        return string.Concat(texts);
    }
}

internal sealed class Comparison(Expression first, IReadOnlyList<(string Sign, Expression Operand)> rest) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope)
    {
        var left = first.Value(run, scope);
        foreach (var (sign, operand) in rest)
        {
            var right = operand.Value(run, scope);
            if (!JinjaArithmetic.Holds(sign, left, right))
                return false;
            left = right;
        }

        return true;
    }
}

internal sealed class Attribute(Expression owner, string name) : Expression
{
    public Expression Owner { get; } = owner;

    public string Name { get; } = name;

    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => JinjaAccess.Attribute(Owner.Value(run, scope), Name);
}

internal sealed class Item(Expression owner, Expression key) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => JinjaAccess.Item(owner.Value(run, scope), key.Value(run, scope));
}

internal sealed class Slice(Expression owner, Expression? start, Expression? stop, Expression? step) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope) =>
        JinjaAccess.Slice(run, owner.Value(run, scope), start?.Value(run, scope), stop?.Value(run, scope), step?.Value(run, scope));
}

/// <summary>Arguments as they are written; one may be unpacked from a list, one from a mapping.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named, Expression? List = null, Expression? Map = null)
{
    public static ArgumentList Empty { get; } = new([], []);

    public JinjaArguments Values(JinjaRun run, JinjaScope scope)
    {
        var positional = Positional.Select(argument => argument.Value(run, scope)).ToList();
        if (List is not null)
            positional.AddRange(Python.Items(List.Value(run, scope)));
        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, value) in Named)
            named[name] = value.Value(run, scope);
        if (Map?.Value(run, scope) is JinjaMap map)
        {
            foreach (var key in map.Keys)
                named[Python.Text(key)] = map[key];
        }

        return new JinjaArguments(positional, named);
    }
}

internal sealed class Call(Expression callee, ArgumentList arguments) : Expression
{
    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => Invoke(run, callee.Value(run, scope), arguments.Values(run, scope));

    public static object? Invoke(JinjaRun run, object? callee, JinjaArguments arguments) => callee switch
    {
        JinjaFunction function => function.Call(run, arguments),
        Undefined undefined => throw undefined.Error(),
        _ => throw JinjaException.Type($"'{Python.TypeName(callee)}' object is not callable"),
    };
}

internal sealed class Filtered(Expression operand, string name, ArgumentList arguments) : Expression
{
    private readonly JinjaFilter filter = JinjaFilters.Find(name);

    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => filter(run, operand.Value(run, scope), arguments.Values(run, scope));
}

internal sealed class Tested(Expression operand, string name, ArgumentList arguments, bool negated) : Expression
{
    private readonly JinjaTest test = JinjaTests.Find(name);

    protected override object? Evaluate(JinjaRun run, JinjaScope scope) => test(operand.Value(run, scope), arguments.Values(run, scope)) != negated;
}
