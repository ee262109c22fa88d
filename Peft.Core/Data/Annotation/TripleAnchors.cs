namespace Peft.Core.Data.Annotation;

/// <summary>Changes that make an annotated text say given triples, and what stands in the way.</summary>
/// <param name="Spans">Changed spans.</param>
/// <param name="Relations">Changed relations.</param>
/// <param name="Problems">Triples that have no place in the text.</param>
public sealed record Anchoring(IReadOnlyList<SpanChange> Spans, IReadOnlyList<RelationChange> Relations, IReadOnlyList<DataProblem> Problems);

/// <summary>
/// The way back from triples of words to marked places. What is marked stays where it is; a new triple takes the marked mentions of its words that
/// fit its relation and stand closest, and marks mentions only where there are none.
/// </summary>
public static class TripleAnchors
{
    /// <summary>The changes from a text to the same or another text with these triples.</summary>
    /// <param name="text">What is there.</param>
    /// <param name="passage">The text afterwards.</param>
    /// <param name="triples">What the relations shall say; null leaves them alone.</param>
    /// <param name="schema">Where the types of new entities come from.</param>
    /// <param name="newId">Gives a new id.</param>
    public static Anchoring Anchor(AnnotatedText text, string passage, IReadOnlyList<Triple>? triples, AnnotationSchema schema, Func<string> newId)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(passage);
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(newId);
        var spans = passage == text.Text ? text.Spans.ToDictionary(s => s.Id) : Move(text, passage);
        var relations = text.Relations.Where(r => spans.ContainsKey(r.Head) && spans.ContainsKey(r.Tail)).ToList();
        var problems = new List<DataProblem>();
        if (triples is not null)
        {
            var wanted = triples.Select(t => new Triple(t.Head.Trim(), t.Relation.Trim(), t.Tail.Trim())).Distinct().ToList();
            Triple Said(AnnotatedRelation r) => new(Words(passage, spans[r.Head]).Trim(), r.Type, Words(passage, spans[r.Tail]).Trim());
            relations.RemoveAll(r => !wanted.Contains(Said(r)));
            var there = relations.Select(Said).ToHashSet();
            foreach (var (triple, number) in wanted.Select((t, i) => (t, i + 1)).Where(x => !there.Contains(x.t)))
            {
                if (Missing(passage, triple, number, problems))
                    continue;
                if (Ends(passage, spans, triple, schema, newId) is var (head, tail))
                    relations.Add(new AnnotatedRelation(newId(), head, tail, triple.Relation));
                else
                    problems.Add(new DataProblem("form", 1, null, $"triples[{number}]", $"'{triple.Relation}' would lead from an entity to itself."));
            }
        }

        return new Anchoring(
            [.. Changes(text.Spans, [.. spans.Values], s => s.Id).Select(c => new SpanChange(c.Before, c.After))],
            [.. Changes(text.Relations, relations, r => r.Id).Select(c => new RelationChange(c.Before, c.After))],
            problems);
    }

    private static IEnumerable<(T? Before, T? After)> Changes<T>(IReadOnlyList<T> before, IReadOnlyList<T> after, Func<T, string> id)
        where T : class
    {
        var now = after.ToDictionary(id);
        var known = before.Select(id).ToHashSet();
        foreach (var old in before.Where(old => !old.Equals(now.GetValueOrDefault(id(old)))))
            yield return (old, now.GetValueOrDefault(id(old)));
        foreach (var added in after.Where(item => !known.Contains(id(item))))
            yield return (null, added);
    }

    /// <summary>Spans before and behind an edited stretch keep their words; one inside it goes where its words went, or away.</summary>
    private static Dictionary<string, AnnotatedSpan> Move(AnnotatedText text, string passage)
    {
        var (old, longest) = (text.Text, Math.Min(text.Text.Length, passage.Length));
        var front = 0;
        while (front < longest && old[front] == passage[front])
            front++;
        var back = 0;
        while (back < longest - front && old[^(back + 1)] == passage[^(back + 1)])
            back++;
        var places = new TextUnits(passage);
        var moved = new Dictionary<string, AnnotatedSpan>();
        foreach (var span in text.Spans)
        {
            var words = text.Words(span);
            var start = span.End <= front ? span.Start
                : span.Start >= old.Length - back ? span.Start + passage.Length - old.Length
                : Nearest(passage, words, span.Start);
            var end = start + words.Length;
            if (start >= 0 && places.IsBoundary(start) && places.IsBoundary(end)
                && !moved.Values.Any(s => (s.Start, s.End, s.Type) == (start, end, span.Type)))
                moved[span.Id] = span with { Start = start, End = end };
        }

        return moved;
    }

    private static bool Missing(string passage, Triple triple, int number, List<DataProblem> problems)
    {
        var lost = new[] { triple.Head, triple.Tail }.Where(words => Places(passage, words).Count == 0).Distinct().ToList();
        problems.AddRange(lost.Select(words => new DataProblem("form", 1, null, $"triples[{number}]", $"'{words}' does not occur in the passage.")));
        return lost.Count > 0;
    }

    private static (string Head, string Tail)? Ends(string passage, Dictionary<string, AnnotatedSpan> spans, Triple triple, AnnotationSchema schema, Func<string> newId)
    {
        var type = schema.Relation(triple.Relation);
        var heads = Candidates(passage, spans, triple.Head, type?.Domain ?? []);
        var tails = Candidates(passage, spans, triple.Tail, type?.Range ?? []);
        var pairs = from head in heads from tail in tails where !Same(head, tail) orderby Cost(head, tail) select (head, tail);
        if (pairs.Select(pair => ((AnnotatedSpan Head, AnnotatedSpan Tail)?)pair).FirstOrDefault() is not { } best)
            return null;
        return (Keep(best.Head), Keep(best.Tail));

        string Keep(AnnotatedSpan span)
        {
            if (span.Id.Length > 0)
                return span.Id;
            var made = span with { Id = newId() };
            spans[made.Id] = made;
            return made.Id;
        }
    }

    /// <summary>Marked mentions; all unmarked ones where none is marked.</summary>
    private static List<AnnotatedSpan> Candidates(string passage, Dictionary<string, AnnotatedSpan> spans, string words, IReadOnlyList<string> allowed)
    {
        var marked = spans.Values.Where(s => Words(passage, s).Trim() == words).ToList();
        var fitting = marked.Where(s => s.Type.Length == 0 || allowed.Count == 0 || allowed.Contains(s.Type)).ToList();
        if (fitting.Count > 0)
            return fitting;
        if (marked.Count > 0)
            return marked;
        var type = allowed.Count == 1 ? allowed[0] : "";
        return [.. Places(passage, words).Select(at => new AnnotatedSpan("", at, at + words.Length, type))];
    }

    /// <summary>Close together is cheap, and so is early where nothing else decides.</summary>
    private static long Cost(AnnotatedSpan head, AnnotatedSpan tail) => (1000L * Math.Abs(head.Start - tail.Start)) + head.Start + tail.Start;

    private static bool Same(AnnotatedSpan a, AnnotatedSpan b) => a.Id.Length > 0 ? a.Id == b.Id : b.Id.Length == 0 && (a.Start, a.End) == (b.Start, b.End);

    private static List<int> Places(string passage, string words)
    {
        var places = new List<int>();
        if (words.Length == 0)
            return places;
        var units = new TextUnits(passage);
        for (var at = passage.IndexOf(words, StringComparison.Ordinal); at >= 0; at = passage.IndexOf(words, at + 1, StringComparison.Ordinal))
        {
            if (units.IsBoundary(at) && units.IsBoundary(at + words.Length))
                places.Add(at);
        }

        return places;
    }

    private static int Nearest(string passage, string words, int near)
    {
        var best = -1;
        for (var at = passage.IndexOf(words, StringComparison.Ordinal); at >= 0; at = passage.IndexOf(words, at + 1, StringComparison.Ordinal))
        {
            if (best < 0 || Math.Abs(at - near) < Math.Abs(best - near))
                best = at;
        }

        return best;
    }

    private static string Words(string passage, AnnotatedSpan span) => passage[span.Start..span.End];
}
