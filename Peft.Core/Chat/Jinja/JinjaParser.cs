using System.Globalization;
using System.Runtime.CompilerServices;

namespace Peft.Core.Chat.Jinja;

/// <summary>Reads expressions with Jinja2's order of operators; statements are read in the other part.</summary>
internal sealed partial class JinjaParser
{
    private readonly IReadOnlyList<JinjaToken> tokens;
    private int at;

    private JinjaParser(IReadOnlyList<JinjaToken> tokens) => this.tokens = tokens;

    private JinjaToken Current => tokens[at];

    private Expression Expression(bool conditions = true)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Syntax("the expression is nested too deeply", Current.Line);
        if (!conditions)
            return Or();
        var value = Or();
        while (SkipName("if"))
        {
            var test = Or();
            var otherwise = SkipName("else") ? Expression() : null;
            value = new Condition(test, value, otherwise);
        }

        return value;
    }

    private Expression Or()
    {
        var left = And();
        while (SkipName("or"))
            left = new Logic(false, left, And());
        return left;
    }

    private Expression And()
    {
        var left = Not();
        while (SkipName("and"))
            left = new Logic(true, left, Not());
        return left;
    }

    private Expression Not()
    {
        if (!IsName("not"))
            return Compare();
        Deeper();
        at++;
        return new Unary("not", Not());
    }

    private Expression Compare()
    {
        var first = Sum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (Current is { Kind: Lexeme.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" })
                rest.Add((tokens[at++].Text, Sum()));
            else if (SkipName("in"))
                rest.Add(("in", Sum()));
            else if (IsName("not") && tokens[at + 1] is { Kind: Lexeme.Name, Text: "in" })
            {
                at += 2;
                rest.Add(("not in", Sum()));
            }
            else
                return rest.Count == 0 ? first : new Comparison(first, rest);
        }
    }

    private Expression Sum()
    {
        var left = Joined();
        while (Current is { Kind: Lexeme.Operator, Text: "+" or "-" })
            left = new Binary(tokens[at++].Text, left, Joined());
        return left;
    }

    private Expression Joined()
    {
        var parts = new List<Expression> { Product() };
        while (SkipSign("~"))
            parts.Add(Product());
        return parts.Count == 1 ? parts[0] : new Concatenation(parts);
    }

    private Expression Product()
    {
        var left = Power();
        while (Current is { Kind: Lexeme.Operator, Text: "*" or "/" or "//" or "%" })
            left = new Binary(tokens[at++].Text, left, Power());
        return left;
    }

    private Expression Power()
    {
        var left = Signed(filters: true);
        while (SkipSign("**"))
            left = new Binary("**", left, Signed(filters: true));
        return left;
    }

    private Expression Signed(bool filters)
    {
        Expression value;
        if (Current is { Kind: Lexeme.Operator, Text: "-" or "+" })
        {
            Deeper();
            value = new Unary(tokens[at++].Text, Signed(filters: false));
        }
        else
        {
            value = Primary();
        }

        value = Postfix(value);
        return filters ? Filters(value) : value;
    }

    private Expression Primary()
    {
        var token = tokens[at++];
        switch (token)
        {
            case { Kind: Lexeme.Name }:
                return token.Text switch
                {
                    "true" or "True" => new Constant(true),
                    "false" or "False" => new Constant(false),
                    "none" or "None" => new Constant(null),
                    _ => new NameOf(token.Text),
                };
            case { Kind: Lexeme.String }:
                var text = token.Text;
                while (Current.Kind == Lexeme.String)
                    text += tokens[at++].Text;
                return new Constant(text);
            case { Kind: Lexeme.Integer }:
                return new Constant(long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) ? whole
                    : throw JinjaException.Syntax($"the number {token.Text} is too large", token.Line));
            case { Kind: Lexeme.Float }:
                return new Constant(double.Parse(token.Text, CultureInfo.InvariantCulture));
            case { Kind: Lexeme.Operator, Text: "(" }:
                var inner = Tuple(conditions: true, empty: true);
                Expect(")");
                return inner;
            case { Kind: Lexeme.Operator, Text: "[" }:
                return new ListOf(Items("]"), tuple: false);
            case { Kind: Lexeme.Operator, Text: "{" }:
                return Map();
            default:
                throw Unexpected(token);
        }
    }

    private List<Expression> Items(string end)
    {
        var items = new List<Expression>();
        while (!SkipSign(end))
        {
            if (items.Count > 0)
            {
                Expect(",");
                if (SkipSign(end))
                    break;
            }

            items.Add(Expression());
        }

        return items;
    }

    private MapOf Map()
    {
        var pairs = new List<(Expression, Expression)>();
        while (!SkipSign("}"))
        {
            if (pairs.Count > 0)
            {
                Expect(",");
                if (SkipSign("}"))
                    break;
            }

            var key = Expression();
            Expect(":");
            pairs.Add((key, Expression()));
        }

        return new MapOf(pairs);
    }

    /// <summary>Expressions behind commas are a tuple, one alone is itself.</summary>
    private Expression Tuple(bool conditions, bool empty = false)
    {
        var items = new List<Expression>();
        var tuple = false;
        while (!(Current is { Kind: Lexeme.BlockEnd or Lexeme.ValueEnd } or { Kind: Lexeme.Operator, Text: ")" } || (!conditions && IsName("recursive"))))
        {
            items.Add(Expression(conditions));
            if (!SkipSign(","))
                break;
            tuple = true;
        }

        if (tuple || (items.Count == 0 && empty))
            return new ListOf(items, tuple: true);
        return items.Count == 1 ? items[0] : throw Unexpected(Current);
    }

    private void Deeper()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Syntax("the expression is nested too deeply", Current.Line);
    }

    private string Name() => Current.Kind == Lexeme.Name ? tokens[at++].Text : throw Unexpected(Current);

    private bool IsName(string name) => Current.Kind == Lexeme.Name && Current.Text == name;

    private bool SkipName(string name)
    {
        if (!IsName(name))
            return false;
        at++;
        return true;
    }

    private bool SkipSign(string sign)
    {
        if (Current.Kind != Lexeme.Operator || Current.Text != sign)
            return false;
        at++;
        return true;
    }

    private void Expect(string sign)
    {
        if (!SkipSign(sign))
            throw Unexpected(Current, $"; '{sign}' is expected");
    }

    private static JinjaException Unexpected(JinjaToken token, string more = "") => JinjaException.Syntax(
        token.Kind == Lexeme.End ? "unexpected end of template" + more : $"unexpected '{(token.Text.Length > 0 ? token.Text : token.Kind.ToString())}'{more}", token.Line);
}
