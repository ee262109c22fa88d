using System.Text;

namespace Peft.Core.Data;

/// <summary>A fact: head entity, relation, tail entity.</summary>
/// <param name="Head">Head entity (Subject).</param>
/// <param name="Relation">Relation.</param>
/// <param name="Tail">Tail entity (Object).</param>
public sealed record Triple(string Head, string Relation, string Tail);

/// <summary>What was read from an answer.</summary>
/// <param name="Triples">The triples in their order, duplicates included.</param>
/// <param name="Parsed">True when the whole answer has the lecture's form (or says that there is no triple).</param>
public sealed record TripleReading(IReadOnlyList<Triple> Triples, bool Parsed);

/// <summary>
/// The lecture's linearisation: <c>(head,relation,tail),(head,relation,tail)</c>, or <c>无</c> for none. Reading tolerates blanks,
/// full-width punctuation, and commas and balanced parentheses inside the tail; what cannot be read is skipped and reported.
/// </summary>
public static class TripleText
{
    /// <summary>The answer when there is no triple.</summary>
    public const string None = "无";

    /// <summary>Writes triples.</summary>
    public static string Render(IEnumerable<Triple> triples)
    {
        ArgumentNullException.ThrowIfNull(triples);
        var text = new StringBuilder();
        foreach (var triple in triples)
        {
            if (text.Length > 0)
                text.Append(',');
            text.Append('(').Append(triple.Head).Append(',').Append(triple.Relation).Append(',').Append(triple.Tail).Append(')');
        }

        return text.Length == 0 ? None : text.ToString();
    }

    /// <summary>Reads an answer.</summary>
    public static TripleReading Read(string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var text = answer.Trim().TrimEnd('。', '.').TrimEnd();
        if (text == None)
            return new TripleReading([], true);
        var triples = new List<Triple>();
        var clean = text.Length > 0;
        var at = 0;
        while (at < text.Length)
        {
            if (!IsOpen(text[at]))
            {
                clean &= IsSeparator(text[at]);
                at++;
                continue;
            }

            var end = Closing(text, at);
            if (end < 0 || Fields(text.AsSpan(at + 1, end - at - 1)) is not { } triple)
            {
                clean = false;
                at++;
                continue;
            }

            triples.Add(triple);
            at = end + 1;
        }

        return new TripleReading(triples, clean && triples.Count > 0);
    }

    private static Triple? Fields(ReadOnlySpan<char> inside)
    {
        var first = inside.IndexOfAny(',', '，');
        if (first < 0)
            return null;
        var rest = inside[(first + 1)..];
        var second = rest.IndexOfAny(',', '，');
        if (second < 0)
            return null;
        var triple = new Triple(inside[..first].Trim().ToString(), rest[..second].Trim().ToString(), rest[(second + 1)..].Trim().ToString());
        return triple.Head.Length > 0 && triple.Relation.Length > 0 && triple.Tail.Length > 0 ? triple : null;
    }

    private static int Closing(string text, int open)
    {
        var depth = 0;
        for (var i = open; i < text.Length; i++)
        {
            if (IsOpen(text[i]))
                depth++;
            else if (IsClose(text[i]) && --depth == 0)
                return i;
        }

        return -1;
    }

    private static bool IsOpen(char c) => c is '(' or '（';

    private static bool IsClose(char c) => c is ')' or '）';

    private static bool IsSeparator(char c) => c is ',' or '，' or '、' or ';' or '；' || char.IsWhiteSpace(c);
}
