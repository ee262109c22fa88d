using System.Globalization;

namespace Peft.Core.Chat.Jinja;

/// <summary>What may stand behind a value: members, subscripts, calls, filters and tests.</summary>
internal sealed partial class JinjaParser
{
    private Expression Postfix(Expression value)
    {
        while (true)
        {
            if (SkipSign("."))
            {
                var name = tokens[at++];
                value = name.Kind switch
                {
                    Lexeme.Name => new Attribute(value, name.Text),
                    Lexeme.Integer => new Item(value, new Constant(long.Parse(name.Text, CultureInfo.InvariantCulture))),
                    _ => throw Unexpected(name),
                };
            }
            else if (SkipSign("["))
                value = Subscript(value);
            else if (Current is { Kind: Lexeme.Operator, Text: "(" })
                value = new Call(value, Arguments());
            else
                return value;
        }
    }

    private Expression Subscript(Expression owner)
    {
        var parts = new List<Expression?>();
        var slice = false;
        Expression? part = null;
        while (!SkipSign("]"))
        {
            if (SkipSign(":"))
            {
                parts.Add(part);
                (part, slice) = (null, true);
            }
            else
            {
                part = Expression();
                if (Current is { Kind: Lexeme.Operator, Text: "," })
                {
                    var many = new List<Expression> { part };
                    while (SkipSign(","))
                        many.Add(Expression());
                    part = new ListOf(many, tuple: true);
                }
            }
        }

        parts.Add(part);
        if (!slice)
            return new Item(owner, part ?? throw Unexpected(tokens[at - 1]));
        return new Slice(owner, parts[0], parts[1], parts.Count > 2 ? parts[2] : null);
    }

    private Expression Filters(Expression value)
    {
        while (true)
        {
            if (SkipSign("|"))
                value = Filter(value);
            else if (SkipName("is"))
                value = Test(value);
            else if (Current is { Kind: Lexeme.Operator, Text: "(" })
                value = new Call(value, Arguments());
            else
                return value;
        }
    }

    private Filtered Filter(Expression value)
    {
        var name = Dotted();
        return new Filtered(value, name, Current is { Kind: Lexeme.Operator, Text: "(" } ? Arguments() : ArgumentList.Empty);
    }

    private Tested Test(Expression value)
    {
        var negated = SkipName("not");
        var name = Dotted();
        ArgumentList arguments;
        if (Current is { Kind: Lexeme.Operator, Text: "(" })
            arguments = Arguments();
        else if (Current is { Kind: Lexeme.String or Lexeme.Integer or Lexeme.Float } or { Kind: Lexeme.Operator, Text: "[" or "{" }
            || (Current.Kind == Lexeme.Name && Current.Text is not ("else" or "or" or "and" or "if" or "is" or "not" or "in" or "recursive")))
            arguments = new ArgumentList([Postfix(Primary())], []);
        else
            arguments = ArgumentList.Empty;
        return new Tested(value, name, arguments, negated);
    }

    private string Dotted()
    {
        var name = Name();
        while (SkipSign("."))
            name += "." + Name();
        return name;
    }

    private ArgumentList Arguments()
    {
        Expect("(");
        var (positional, named) = (new List<Expression>(), new List<(string, Expression)>());
        Expression? list = null, map = null;
        var any = false;
        while (!SkipSign(")"))
        {
            if (any)
            {
                Expect(",");
                if (SkipSign(")"))
                    break;
            }

            any = true;
            if (SkipSign("*"))
                list = Expression();
            else if (SkipSign("**"))
                map = Expression();
            else if (Current.Kind == Lexeme.Name && tokens[at + 1] is { Kind: Lexeme.Operator, Text: "=" })
            {
                var name = Name();
                at++;
                named.Add((name, Expression()));
            }
            else
                positional.Add(Expression());
        }

        return new ArgumentList(positional, named, list, map);
    }
}
