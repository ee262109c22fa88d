using System.Text;

namespace Peft.Core.Chat.Jinja;

/// <summary>A part of a template that writes or sets something.</summary>
internal abstract class Statement
{
    public Flow Run(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        run.Step();
        return Execute(run, scope, output);
    }

    public static Flow All(IReadOnlyList<Statement> body, JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        foreach (var statement in body)
        {
            if (statement.Run(run, scope, output) is var flow and not Flow.Next)
                return flow;
        }

        return Flow.Next;
    }

    /// <summary>What a body writes, in a scope of its own.</summary>
    public static string Written(IReadOnlyList<Statement> body, JinjaRun run, JinjaScope scope)
    {
        var output = new StringBuilder();
        All(body, run, new JinjaScope(scope), output);
        return output.ToString();
    }

    protected abstract Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output);
}

/// <summary>How it goes on behind a statement.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

internal sealed class TextPart(string text) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        run.Write(output, text);
        return Flow.Next;
    }
}

internal sealed class Output(Expression value) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        var shown = value.Value(run, scope);
        run.Write(output, shown is Undefined { Unsafe: false } ? "" : Python.Text(shown));
        return Flow.Next;
    }
}

internal sealed class If(IReadOnlyList<(Expression Test, IReadOnlyList<Statement> Body)> branches, IReadOnlyList<Statement> otherwise) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        foreach (var (test, body) in branches)
        {
            if (Python.Truth(test.Value(run, scope)))
                return All(body, run, scope, output);
        }

        return All(otherwise, run, scope, output);
    }
}

internal sealed class For(Target target, Expression items, Expression? filter, IReadOnlyList<Statement> body, IReadOnlyList<Statement> otherwise, bool recursive) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        Loop(run, scope, output, items.Value(run, scope), 0);
        return Flow.Next;
    }

    private void Loop(JinjaRun run, JinjaScope scope, StringBuilder output, object? iterable, int depth)
    {
        var all = Python.Items(iterable);
        if (filter is not null)
        {
            var kept = new List<object?>();
            foreach (var item in all)
            {
                var inner = new JinjaScope(scope);
                target.Set(run, inner, item);
                if (Python.Truth(filter.Value(run, inner)))
                    kept.Add(item);
            }

            all = kept;
        }

        if (all.Count == 0)
        {
            All(otherwise, run, new JinjaScope(scope), output);
            return;
        }

        var changed = new object?[] { run };
        for (var i = 0; i < all.Count; i++)
        {
            var inner = new JinjaScope(scope);
            var state = State(run, scope, all, i, depth, changed);
            inner.Set("loop", state);
            target.Set(run, inner, all[i]);
            if (All(body, run, inner, output) == Flow.Break)
                break;
        }
    }

    private JinjaFunction State(JinjaRun run, JinjaScope scope, IReadOnlyList<object?> all, int i, int depth, object?[] changed) => new("loop", (_, arguments) =>
    {
        if (!recursive)
            throw JinjaException.Type("Tried to call non recursive loop. Maybe you forgot the 'recursive' modifier.");
        var output = new StringBuilder();
        Loop(run, scope, output, arguments.Get(0, "iterable", null), depth + 1);
        return output.ToString();
    })
    {
        Attribute = name => name switch
        {
            "index" => i + 1L,
            "index0" => (long)i,
            "revindex" => (long)(all.Count - i),
            "revindex0" => (long)(all.Count - i - 1),
            "first" => i == 0,
            "last" => i == all.Count - 1,
            "length" => (long)all.Count,
            "depth" => depth + 1L,
            "depth0" => (long)depth,
            "previtem" => i > 0 ? all[i - 1] : new Undefined("there is no previous item"),
            "nextitem" => i + 1 < all.Count ? all[i + 1] : new Undefined("there is no next item"),
            "cycle" => new JinjaFunction("cycle", (_, arguments) => arguments.Positional.Count == 0
                ? throw JinjaException.Type("no items for cycling given")
                : arguments.Positional[i % arguments.Positional.Count]),
            "changed" => new JinjaFunction("changed", (_, arguments) =>
            {
                var now = new JinjaTuple(arguments.Positional);
                var differs = changed[0] is not JinjaTuple before || !Python.Equal(before, now);
                changed[0] = now;
                return differs;
            }),
            _ => new Undefined($"'LoopContext object' has no attribute '{name}'"),
        },
    };
}

/// <summary>What is set: a name, an attribute of a namespace, or several.</summary>
internal sealed record Target(string? Name, string? Member, IReadOnlyList<Target> Many)
{
    public void Set(JinjaRun run, JinjaScope scope, object? value)
    {
        if (Many.Count > 0)
        {
            var items = Python.Items(value);
            if (items.Count != Many.Count)
                throw new JinjaException("ValueError", items.Count < Many.Count ? $"not enough values to unpack (expected {Many.Count}, got {items.Count})" : $"too many values to unpack (expected {Many.Count})");
            for (var i = 0; i < Many.Count; i++)
                Many[i].Set(run, scope, items[i]);
            return;
        }

        if (Member is null)
            scope.Set(Name!, value);
        else if (scope.TryGet(Name!, out var owner) && owner is JinjaNamespace space)
            space.Values[Member] = value;
        else
            throw new JinjaException("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
    }
}

internal sealed class Set(Target target, Expression value) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        target.Set(run, scope, value.Value(run, scope));
        return Flow.Next;
    }
}

internal sealed class SetBlock(Target target, IReadOnlyList<Statement> body, Func<Expression, Expression> filter) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        target.Set(run, scope, filter(new Constant(Written(body, run, scope))).Value(run, scope));
        return Flow.Next;
    }
}

internal sealed class With(IReadOnlyList<(Target Target, Expression Value)> values, IReadOnlyList<Statement> body) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        var inner = new JinjaScope(scope);
        foreach (var (target, value) in values)
            target.Set(run, inner, value.Value(run, scope));
        return All(body, run, inner, output);
    }
}

internal sealed class FilterBlock(IReadOnlyList<Statement> body, Func<Expression, Expression> filter) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        run.Write(output, Python.Text(filter(new Constant(Written(body, run, scope))).Value(run, scope)));
        return Flow.Next;
    }
}

/// <summary>What the assistant says: its place in the output is kept, so that only this is learnt.</summary>
internal sealed class Generation(IReadOnlyList<Statement> body) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        // The reference keeps no place of what a template begins with.
        var (start, counts) = (run.Root.Length, run.HasWritten || run.Generations.Count > 0);
        var text = Written(body, run, scope);
        run.Write(output, text);
        if (counts)
            run.Generations.Add((start, start + text.Length));
        return Flow.Next;
    }
}

internal sealed class Jump(Flow flow) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output) => flow;
}

/// <summary>A macro's or caller's parameters and body.</summary>
internal sealed record MacroBody(string Name, IReadOnlyList<(string Name, Expression? Absent)> Parameters, IReadOnlyList<Statement> Body)
{
    public JinjaFunction Function(JinjaScope outer) => new(Name, (run, arguments) =>
    {
        var scope = new JinjaScope(outer);
        var known = Parameters.Select(parameter => parameter.Name).ToHashSet(StringComparer.Ordinal);
        for (var i = 0; i < Parameters.Count; i++)
        {
            var (name, absent) = Parameters[i];
            scope.Set(name, arguments.Has(i, name) ? arguments.Get(i, name, null)
                : absent is null ? new Undefined($"parameter '{name}' was not provided") : absent.Value(run, scope));
        }

        scope.Set("varargs", new JinjaTuple(arguments.Positional.Skip(Parameters.Count)));
        var named = new JinjaMap();
        foreach (var (name, value) in arguments.Named.Where(argument => !known.Contains(argument.Key) && argument.Key != "caller"))
            named[name] = value;
        scope.Set("kwargs", named);
        if (!known.Contains("caller"))
            scope.Set("caller", arguments.Named.TryGetValue("caller", out var caller) ? caller : new Undefined("No caller defined"));
        return Statement.Written(Body, run, scope);
    });
}

internal sealed class Macro(MacroBody macro) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        scope.Set(macro.Name, macro.Function(scope));
        return Flow.Next;
    }
}

internal sealed class CallBlock(Expression callee, ArgumentList arguments, MacroBody caller) : Statement
{
    protected override Flow Execute(JinjaRun run, JinjaScope scope, StringBuilder output)
    {
        var values = arguments.Values(run, scope);
        var named = new Dictionary<string, object?>(values.Named, StringComparer.Ordinal) { ["caller"] = caller.Function(scope) };
        run.Write(output, Python.Text(Call.Invoke(run, callee.Value(run, scope), values with { Named = named })));
        return Flow.Next;
    }
}
