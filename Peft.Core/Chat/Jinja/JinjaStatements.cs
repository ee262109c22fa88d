namespace Peft.Core.Chat.Jinja;

/// <summary>Reads statements.</summary>
internal sealed partial class JinjaParser
{
    /// <summary>The statements of a template.</summary>
    /// <exception cref="JinjaException">It cannot be read; names the line.</exception>
    public static IReadOnlyList<Statement> Parse(string template)
    {
        var parser = new JinjaParser(JinjaLexer.Tokens(template));
        var body = parser.Body();
        return parser.Current.Kind == Lexeme.End ? body : throw Unexpected(parser.tokens[parser.at + 1]);
    }

    /// <summary>Statements up to one of these words, whose block is left to the caller from the word on.</summary>
    private List<Statement> Body(params ReadOnlySpan<string> ends)
    {
        Deeper();
        var body = new List<Statement>();
        while (true)
        {
            switch (Current.Kind)
            {
                case Lexeme.End:
                    return ends.Length == 0 ? body : throw JinjaException.Syntax($"Unexpected end of template; '{ends[^1]}' is missing", Current.Line);
                case Lexeme.Text:
                    body.Add(new TextPart(tokens[at++].Text));
                    break;
                case Lexeme.ValueBegin:
                    at++;
                    var value = Tuple(conditions: true);
                    if (Current.Kind != Lexeme.ValueEnd)
                        throw Unexpected(Current);
                    at++;
                    body.Add(new Output(value));
                    break;
                case Lexeme.BlockBegin:
                    var word = tokens[at + 1];
                    if (word.Kind != Lexeme.Name)
                        throw Unexpected(word);
                    if (ends.Contains(word.Text))
                        return body;
                    at += 2;
                    body.Add(Block(word));
                    break;
                default:
                    throw Unexpected(Current);
            }
        }
    }

    private Statement Block(JinjaToken word)
    {
        switch (word.Text)
        {
            case "if":
                return IfBlock();
            case "for":
                return ForBlock();
            case "set":
                return SetStatement();
            case "macro":
                return new Macro(MacroOf(Name(), "endmacro"));
            case "call":
                return CallStatement();
            case "filter":
                var filter = FilterChain(first: true);
                Close();
                return new FilterBlock(Until("endfilter"), filter);
            case "with":
                return WithBlock();
            case "generation":
                Close();
                return new Generation(Until("endgeneration"));
            case "break" or "continue":
                Close();
                return new Jump(word.Text == "break" ? Flow.Break : Flow.Continue);
            default:
                throw JinjaException.Syntax($"Encountered unknown tag '{word.Text}'.", word.Line);
        }
    }

    private If IfBlock()
    {
        var branches = new List<(Expression, IReadOnlyList<Statement>)>();
        var otherwise = new List<Statement>();
        while (true)
        {
            var test = Tuple(conditions: false);
            Close();
            branches.Add((test, Body("elif", "else", "endif")));
            at++;
            var word = Name();
            if (word == "elif")
                continue;
            Close();
            if (word == "else")
                otherwise = Until("endif");
            return new If(branches, otherwise);
        }
    }

    private For ForBlock()
    {
        var target = TargetOf(namespaces: false);
        if (!SkipName("in"))
            throw Unexpected(Current, "; 'in' is expected");
        var items = Tuple(conditions: false);
        var filter = SkipName("if") ? Expression() : null;
        var recursive = SkipName("recursive");
        Close();
        var body = Body("else", "endfor");
        at++;
        var otherwise = new List<Statement>();
        var word = Name();
        Close();
        if (word == "else")
            otherwise = Until("endfor");
        return new For(target, items, filter, body, otherwise, recursive);
    }

    private Statement SetStatement()
    {
        var target = TargetOf(namespaces: true);
        if (SkipSign("="))
        {
            var value = Tuple(conditions: true);
            Close();
            return new Set(target, value);
        }

        var filter = FilterChain(first: false);
        Close();
        return new SetBlock(target, Until("endset"), filter);
    }

    /// <summary>Filters that a body goes through.</summary>
    private Func<Expression, Expression> FilterChain(bool first)
    {
        var chain = new List<(string Name, ArgumentList Arguments)>();
        while (first || SkipSign("|"))
        {
            first = false;
            chain.Add((Dotted(), Current is { Kind: Lexeme.Operator, Text: "(" } ? Arguments() : ArgumentList.Empty));
        }

        foreach (var (name, _) in chain)
            _ = JinjaFilters.Find(name);
        return value => chain.Aggregate(value, (now, filter) => new Filtered(now, filter.Name, filter.Arguments));
    }

    private With WithBlock()
    {
        var values = new List<(Target, Expression)>();
        while (Current.Kind != Lexeme.BlockEnd)
        {
            if (values.Count > 0)
                Expect(",");
            var target = new Target(Name(), null, []);
            Expect("=");
            values.Add((target, Expression()));
        }

        Close();
        return new With(values, Until("endwith"));
    }

    private CallBlock CallStatement()
    {
        var parameters = Current is { Kind: Lexeme.Operator, Text: "(" } ? Parameters() : [];
        Expression callee = new NameOf(Name());
        while (SkipSign("."))
            callee = new Attribute(callee, Name());
        var arguments = Arguments();
        Close();
        return new CallBlock(callee, arguments, new MacroBody("caller", parameters, Until("endcall")));
    }

    private MacroBody MacroOf(string name, string end)
    {
        var parameters = Parameters();
        Close();
        return new MacroBody(name, parameters, Until(end));
    }

    private List<(string Name, Expression? Absent)> Parameters()
    {
        var parameters = new List<(string, Expression?)>();
        Expect("(");
        while (!SkipSign(")"))
        {
            if (parameters.Count > 0)
            {
                Expect(",");
                if (SkipSign(")"))
                    break;
            }

            parameters.Add((Name(), SkipSign("=") ? Expression() : null));
        }

        return parameters;
    }

    private Target TargetOf(bool namespaces)
    {
        var many = new List<Target>();
        var tuple = false;
        do
        {
            if (SkipSign("("))
            {
                many.Add(TargetOf(namespaces: false));
                Expect(")");
            }
            else
            {
                var name = Name();
                many.Add(new Target(name, namespaces && SkipSign(".") ? Name() : null, []));
            }

            if (!SkipSign(","))
                break;
            tuple = true;
        }
        while (Current.Kind == Lexeme.Name && !IsName("in"));
        return tuple || many.Count > 1 ? new Target(null, null, many) : many[0];
    }

    private List<Statement> Until(string end)
    {
        var body = Body(end);
        at += 2;
        Close();
        return body;
    }

    private void Close()
    {
        if (Current.Kind != Lexeme.BlockEnd)
            throw Unexpected(Current);
        at++;
    }
}
