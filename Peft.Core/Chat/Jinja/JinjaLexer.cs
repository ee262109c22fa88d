using System.Globalization;
using System.Text;

namespace Peft.Core.Chat.Jinja;

internal enum Lexeme
{
    Text,
    BlockBegin,
    BlockEnd,
    ValueBegin,
    ValueEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

internal readonly record struct JinjaToken(Lexeme Kind, string Text, int Line);

/// <summary>
/// Cuts a template into tokens in the environment that transformers uses: trim_blocks, lstrip_blocks, one line end at the end dropped.
/// https://jinja.palletsprojects.com/en/stable/templates/#whitespace-control
/// </summary>
internal sealed class JinjaLexer
{
    private static readonly string[] s_operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private readonly string source;
    private readonly List<JinjaToken> tokens = [];
    private int at;
    private int counted;
    private int lines;

    private JinjaLexer(string source) => this.source = source;

    public static IReadOnlyList<JinjaToken> Tokens(string template)
    {
        var source = template.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (source.EndsWith('\n'))
            source = source[..^1];
        var lexer = new JinjaLexer(source);
        lexer.Run();
        return lexer.tokens;
    }

    private int Line
    {
        get
        {
            // Counted on from the last place, so that long templates stay linear.
            var now = Math.Min(at, source.Length);
            lines = now >= counted ? lines + source.AsSpan(counted, now - counted).Count('\n') : source.AsSpan(0, now).Count('\n');
            counted = now;
            return lines + 1;
        }
    }

    private void Run()
    {
        var lineStarts = true;
        while (at < source.Length)
        {
            var begin = NextMark();
            var text = source[at..begin];
            at = begin;
            if (begin == source.Length)
            {
                Add(Lexeme.Text, text);
                break;
            }

            var kind = source[begin + 1];
            var sign = begin + 2 < source.Length ? source[begin + 2] : ' ';
            at = begin + 2;
            if (sign is '-' or '+')
                at++;
            Add(Lexeme.Text, Before(text, sign, kind != '{', lineStarts));
            if (kind == '#')
                Comment();
            else if (kind == '%' && Raw() is { } raw)
                Add(Lexeme.Text, raw);
            else
                Inside(kind == '%');
            lineStarts = at > 0 && source[at - 1] == '\n';
        }

        tokens.Add(new JinjaToken(Lexeme.End, "", Line));
    }

    private int NextMark()
    {
        for (var i = source.IndexOf('{', at); i >= 0 && i + 1 < source.Length; i = source.IndexOf('{', i + 1))
        {
            if (source[i + 1] is '{' or '%' or '#')
                return i;
        }

        return source.Length;
    }

    private static string Before(string text, char sign, bool strips, bool lineStarts)
    {
        if (sign == '-')
            return text.TrimEnd();
        if (sign == '+' || !strips)
            return text;
        var line = text.LastIndexOf('\n') + 1;
        return (line > 0 || lineStarts) && text.AsSpan(line).IsWhiteSpace() ? text[..line] : text;
    }

    private void Comment()
    {
        var end = source.IndexOf("#}", at, StringComparison.Ordinal);
        if (end < 0)
            throw JinjaException.Syntax("Missing end of comment tag", Line);
        var sign = end > at ? source[end - 1] : ' ';
        at = end + 2;
        Behind(sign, trims: true);
    }

    /// <summary>The text between raw and endraw; null when no raw block begins here.</summary>
    private string? Raw()
    {
        var start = at;
        if (!Word("raw", out _))
        {
            at = start;
            return null;
        }

        var from = at;
        for (var mark = source.IndexOf("{%", from, StringComparison.Ordinal); mark >= 0; mark = source.IndexOf("{%", mark + 2, StringComparison.Ordinal))
        {
            at = mark + 2;
            var sign = at < source.Length ? source[at] : ' ';
            if (sign is '-' or '+')
                at++;
            var text = source[from..mark];
            if (Word("endraw", out var close))
            {
                Behind(close, trims: true);
                return Before(text, sign, strips: true, lineStarts: source[from - 1] == '\n');
            }
        }

        throw JinjaException.Syntax("Missing end of raw directive", Line);
    }

    /// <summary>A word alone in a block, whose end is consumed. A raw block's beginning trims only where it says so.</summary>
    private bool Word(string word, out char sign)
    {
        sign = ' ';
        while (at < source.Length && char.IsWhiteSpace(source[at]))
            at++;
        if (string.CompareOrdinal(source, at, word, 0, word.Length) != 0)
            return false;
        at += word.Length;
        while (at < source.Length && char.IsWhiteSpace(source[at]))
            at++;
        if (at < source.Length && source[at] is '-' or '+')
            sign = source[at++];
        if (string.CompareOrdinal(source, at, "%}", 0, 2) != 0)
            return false;
        at += 2;
        if (word == "raw" && sign == '-')
            Behind('-', trims: false);
        return true;
    }

    private void Behind(char sign, bool trims)
    {
        if (sign == '-')
        {
            while (at < source.Length && char.IsWhiteSpace(source[at]))
                at++;
        }
        else if (trims && sign != '+' && at < source.Length && source[at] == '\n')
        {
            at++;
        }
    }

    private void Inside(bool block)
    {
        tokens.Add(new JinjaToken(block ? Lexeme.BlockBegin : Lexeme.ValueBegin, "", Line));
        var open = new Stack<char>();
        var end = block ? "%}" : "}}";
        while (true)
        {
            while (at < source.Length && char.IsWhiteSpace(source[at]))
                at++;
            if (at >= source.Length)
                throw JinjaException.Syntax("unexpected 'end of template'", Line);
            if (open.Count == 0)
            {
                var sign = source[at] is '-' or '+' && string.CompareOrdinal(source, at + 1, end, 0, 2) == 0 && (block || source[at] == '-') ? source[at] : ' ';
                var from = sign == ' ' ? at : at + 1;
                if (string.CompareOrdinal(source, from, end, 0, 2) == 0)
                {
                    tokens.Add(new JinjaToken(block ? Lexeme.BlockEnd : Lexeme.ValueEnd, "", Line));
                    at = from + 2;
                    Behind(sign, trims: block);
                    return;
                }
            }

            Token(open);
        }
    }

    private void Token(Stack<char> open)
    {
        var unit = source[at];
        if (unit is '\'' or '"')
        {
            Text(unit);
            return;
        }

        if (char.IsAsciiDigit(unit))
        {
            Number();
            return;
        }

        if (char.IsLetter(unit) || unit == '_')
        {
            var start = at;
            while (at < source.Length && (char.IsLetterOrDigit(source[at]) || source[at] == '_'))
                at++;
            tokens.Add(new JinjaToken(Lexeme.Name, source[start..at], Line));
            return;
        }

        foreach (var sign in s_operators)
        {
            if (string.CompareOrdinal(source, at, sign, 0, sign.Length) != 0)
                continue;
            if (sign is "(" or "[" or "{")
                open.Push(sign == "(" ? ')' : sign == "[" ? ']' : '}');
            else if (sign is ")" or "]" or "}" && (!open.TryPop(out var expected) || expected != sign[0]))
                throw JinjaException.Syntax($"unexpected '{sign}'", Line);
            tokens.Add(new JinjaToken(Lexeme.Operator, sign, Line));
            at += sign.Length;
            return;
        }

        throw JinjaException.Syntax($"unexpected char '{unit}'", Line);
    }

    private void Number()
    {
        var (start, real) = (at, false);
        void Digits()
        {
            while (at < source.Length && (char.IsAsciiDigit(source[at]) || (source[at] == '_' && at + 1 < source.Length && char.IsAsciiDigit(source[at + 1]))))
                at++;
        }

        Digits();
        var afterDot = tokens[^1] is { Kind: Lexeme.Operator, Text: "." };
        if (!afterDot && at + 1 < source.Length && source[at] == '.' && char.IsAsciiDigit(source[at + 1]))
        {
            real = true;
            at++;
            Digits();
        }

        if (!afterDot && at < source.Length && source[at] is 'e' or 'E')
        {
            var signed = at + 1 < source.Length && source[at + 1] is '+' or '-' ? 2 : 1;
            if (at + signed < source.Length && char.IsAsciiDigit(source[at + signed]))
            {
                real = true;
                at += signed;
                Digits();
            }
        }

        tokens.Add(new JinjaToken(real ? Lexeme.Float : Lexeme.Integer, source[start..at].Replace("_", "", StringComparison.Ordinal), Line));
    }

    private void Text(char quote)
    {
        var text = new StringBuilder();
        var line = Line;
        for (at++; at < source.Length && source[at] != quote; at++)
        {
            if (source[at] != '\\' || at + 1 >= source.Length)
            {
                text.Append(source[at]);
                continue;
            }

            Escape(text, source[++at]);
        }

        if (at >= source.Length)
            throw JinjaException.Syntax("unexpected end of a text in quotes", line);
        at++;
        tokens.Add(new JinjaToken(Lexeme.String, text.ToString(), line));
    }

    private void Escape(StringBuilder text, char unit)
    {
        switch (unit)
        {
            case 'n': text.Append('\n'); break;
            case 't': text.Append('\t'); break;
            case 'r': text.Append('\r'); break;
            case 'a': text.Append('\a'); break;
            case 'b': text.Append('\b'); break;
            case 'f': text.Append('\f'); break;
            case 'v': text.Append('\v'); break;
            case '\\' or '\'' or '"': text.Append(unit); break;
            case '\n': break;
            case 'x': Code(text, 2); break;
            case 'u': Code(text, 4); break;
            case 'U': Code(text, 8); break;
            case >= '0' and <= '7':
                var value = 0;
                var digits = 0;
                for (; digits < 3 && at + digits < source.Length && source[at + digits] is >= '0' and <= '7'; digits++)
                    value = value * 8 + (source[at + digits] - '0');
                text.Append((char)value);
                at += digits - 1;
                break;
            default: text.Append('\\').Append(unit); break;
        }
    }

    private void Code(StringBuilder text, int digits)
    {
        if (at + digits >= source.Length || !int.TryParse(source.AsSpan(at + 1, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value) || value > 0x10FFFF)
            throw JinjaException.Syntax("a damaged escape sequence in a text", Line);
        text.Append(value is >= 0xD800 and <= 0xDFFF ? ((char)value).ToString() : char.ConvertFromUtf32(value));
        at += digits;
    }

    private void Add(Lexeme kind, string text)
    {
        if (text.Length > 0)
            tokens.Add(new JinjaToken(kind, text, Line));
    }
}
