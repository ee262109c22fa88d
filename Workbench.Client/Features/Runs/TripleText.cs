using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>A piece of a generated answer and what it is worth against the reference.</summary>
public sealed record AnswerPiece(string Text, TripleVerdict? Verdict);

/// <summary>Reads answers of the form <c>(head,relation,tail),(…)</c> and marks them against the reference, as the strict metric counts.</summary>
public static class TripleText
{
    /// <summary>The triples of an answer; parentheses inside names are kept together. Nothing readable gives none.</summary>
    public static IReadOnlyList<TripleDto> Read(string answer) => [.. Segments(answer).Select(ToTriple).OfType<TripleDto>()];

    /// <summary>The generated answer cut into pieces, then what is missing of the reference.</summary>
    public static IReadOnlyList<AnswerPiece> Mark(string output, string reference)
    {
        var wanted = Read(reference).ToHashSet();
        var pieces = new List<AnswerPiece>();
        var at = 0;
        foreach (var (start, length) in Spans(output))
        {
            if (start > at)
                pieces.Add(new(output[at..start], null));
            var segment = output.Substring(start, length);
            var triple = ToTriple(segment);
            pieces.Add(new(segment, triple is not null && wanted.Remove(triple) ? TripleVerdict.Correct : TripleVerdict.Wrong));
            at = start + length;
        }

        if (at < output.Length)
        {
            var rest = output[at..];
            // An answer without any triple is right only when it is the reference itself, such as the word for "none".
            pieces.Add(new(rest, at > 0 ? null : rest.Trim() == reference.Trim() ? TripleVerdict.Correct : TripleVerdict.Wrong));
        }

        pieces.AddRange(wanted.Select(triple => new AnswerPiece($"({triple.Head},{triple.Relation},{triple.Tail})", TripleVerdict.Missing)));
        return pieces;
    }

    private static IEnumerable<string> Segments(string answer) => Spans(answer).Select(span => answer.Substring(span.Start, span.Length));

    private static IEnumerable<(int Start, int Length)> Spans(string answer)
    {
        var depth = 0;
        var start = 0;
        for (var i = 0; i < answer.Length; i++)
        {
            if (answer[i] is '(' or '（' && depth++ == 0)
                start = i;
            else if (answer[i] is ')' or '）' && depth > 0 && --depth == 0)
                yield return (start, i - start + 1);
        }
    }

    private static TripleDto? ToTriple(string segment)
    {
        var parts = segment[1..^1].Split([',', '，']);
        return parts.Length == 3 && parts.All(part => part.Trim().Length > 0)
            ? new TripleDto(parts[0].Trim(), parts[1].Trim(), parts[2].Trim())
            : null;
    }
}
