namespace Peft.Core.Data.Annotation;

/// <summary>A marked stretch of a text.</summary>
/// <param name="Id">Name within its text.</param>
/// <param name="Start">UTF-16 offset of its first character.</param>
/// <param name="End">UTF-16 offset behind its last character.</param>
/// <param name="Type">Entity type; empty when nobody has chosen one yet.</param>
public sealed record AnnotatedSpan(string Id, int Start, int End, string Type);

/// <summary>A relation between two marked stretches.</summary>
/// <param name="Id">Name within its text.</param>
/// <param name="Head">Id of the span it starts at.</param>
/// <param name="Tail">Id of the span it leads to.</param>
/// <param name="Type">Relation type.</param>
public sealed record AnnotatedRelation(string Id, string Head, string Tail, string Type);

/// <summary>A text with what people marked in it. Spans may nest and overlap.</summary>
/// <param name="Text">The text.</param>
/// <param name="Spans">Entities.</param>
/// <param name="Relations">Relations between them.</param>
public sealed record AnnotatedText(string Text, IReadOnlyList<AnnotatedSpan> Spans, IReadOnlyList<AnnotatedRelation> Relations)
{
    /// <summary>A text in which nothing is marked.</summary>
    public static AnnotatedText Of(string text) => new(text, [], []);

    /// <summary>The span of an id; null when there is none.</summary>
    public AnnotatedSpan? Span(string id) => Spans.FirstOrDefault(s => s.Id == id);

    /// <summary>The marked words.</summary>
    public string Words(AnnotatedSpan span)
    {
        ArgumentNullException.ThrowIfNull(span);
        return Text[span.Start..span.End];
    }

    /// <summary>The relations as triples of words, each once, in their order.</summary>
    public IReadOnlyList<Triple> Triples() =>
    [
        .. Relations.Select(r => (r, Head: Span(r.Head), Tail: Span(r.Tail)))
            .Where(x => x.Head is not null && x.Tail is not null)
            .Select(x => new Triple(Words(x.Head!).Trim(), x.r.Type, Words(x.Tail!).Trim()))
            .Distinct(),
    ];

    /// <summary>What a schema does not allow in this text, or what no person has decided yet: for example after the schema was changed.</summary>
    public IReadOnlyList<AnnotationFlag> Flags(AnnotationSchema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var flags = new List<AnnotationFlag>();
        foreach (var span in Spans)
        {
            if (span.Type.Length == 0)
                flags.Add(new AnnotationFlag(span.Id, $"'{Words(span)}' has no type yet."));
            else if (schema.Entity(span.Type) is null)
                flags.Add(new AnnotationFlag(span.Id, $"'{Words(span)}' has the type '{span.Type}', which the schema does not have."));
        }

        foreach (var relation in Relations)
        {
            if (Span(relation.Head) is { } head && Span(relation.Tail) is { } tail && schema.Illegal(relation.Type, head.Type, tail.Type) is { } reason)
                flags.Add(new AnnotationFlag(relation.Id, reason));
        }

        return flags;
    }
}

/// <summary>Something to look at in an annotated text.</summary>
/// <param name="Id">The span or relation.</param>
/// <param name="Message">Why, for a person.</param>
public sealed record AnnotationFlag(string Id, string Message);
