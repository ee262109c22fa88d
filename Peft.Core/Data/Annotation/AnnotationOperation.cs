namespace Peft.Core.Data.Annotation;

/// <summary>A span before and after an operation; null where it does not exist.</summary>
/// <param name="Before">What it was.</param>
/// <param name="After">What it becomes.</param>
public sealed record SpanChange(AnnotatedSpan? Before, AnnotatedSpan? After);

/// <summary>A relation before and after an operation; null where it does not exist.</summary>
/// <param name="Before">What it was.</param>
/// <param name="After">What it becomes.</param>
public sealed record RelationChange(AnnotatedRelation? Before, AnnotatedRelation? After);

/// <summary>The record's own texts before and after an operation.</summary>
/// <param name="Before">What they were.</param>
/// <param name="After">What they become.</param>
public sealed record TextsChange(InstructionRecord Before, InstructionRecord After);

/// <summary>How far a text is annotated.</summary>
/// <param name="Name"><c>open</c>, <c>done</c> or <c>skipped</c>.</param>
/// <param name="Reason">Why it was skipped; else empty.</param>
public sealed record AnnotationState(string Name, string Reason = "")
{
    /// <summary>Being worked on.</summary>
    public static AnnotationState Open { get; } = new("open");

    /// <summary>True for a state that exists, with a reason exactly where it needs one.</summary>
    public bool IsKnown => Name is "open" or "done" ? Reason.Length == 0 : Name == "skipped" && Reason.Trim().Length > 0;
}

/// <summary>The state before and after an operation.</summary>
/// <param name="Before">What it was.</param>
/// <param name="After">What it becomes.</param>
public sealed record StateChange(AnnotationState Before, AnnotationState After);

/// <summary>
/// One thing that a person did to one text. It carries what it replaces, so that it can be taken back without any other knowledge, and a log of
/// operations only ever grows: taking back is an operation, too.
/// </summary>
/// <param name="Id">Unique name; the same operation that arrives twice is applied once.</param>
/// <param name="Kind">What it is, for lists: <c>mark</c>, <c>relate</c>, <c>retype</c>, <c>reverse</c>, <c>delete</c>, <c>text</c>, <c>state</c>, …</param>
/// <param name="Spans">Changed spans.</param>
/// <param name="Relations">Changed relations.</param>
/// <param name="Texts">New texts of the record, where somebody typed in them.</param>
/// <param name="State">New state of the record.</param>
/// <param name="Undoes">The operation that this one takes back; null for one of its own.</param>
public sealed record AnnotationOperation(
    string Id, string Kind, IReadOnlyList<SpanChange> Spans, IReadOnlyList<RelationChange> Relations, TextsChange? Texts = null,
    StateChange? State = null, string? Undoes = null)
{
    /// <summary>True when nothing would change.</summary>
    public bool IsEmpty => Spans.Count == 0 && Relations.Count == 0 && Texts is null && State is null;

    /// <summary>The operation that takes this one back.</summary>
    /// <param name="id">Its id.</param>
    public AnnotationOperation Inverse(string id) => new(
        id, "undo",
        [.. Spans.Select(c => new SpanChange(c.After, c.Before))],
        [.. Relations.Select(c => new RelationChange(c.After, c.Before))],
        Texts is null ? null : new TextsChange(Texts.After, Texts.Before),
        State is null ? null : new StateChange(State.After, State.Before),
        Id);

    /// <summary>True when this operation takes back exactly what the other did.</summary>
    public bool TakesBack(AnnotationOperation other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var inverse = other.Inverse(Id);
        return Undoes == other.Id && Texts == inverse.Texts && State == inverse.State
            && Spans.Count == inverse.Spans.Count && Spans.ToHashSet().SetEquals(inverse.Spans)
            && Relations.Count == inverse.Relations.Count && Relations.ToHashSet().SetEquals(inverse.Relations);
    }
}

/// <summary>Somebody else changed in the meantime what an operation wants to replace.</summary>
public sealed class AnnotationConflictException : PeftException
{
    /// <summary>A conflict with a message for a person.</summary>
    public AnnotationConflictException(string message)
        : base(message)
    {
    }

    /// <summary>A conflict without a message.</summary>
    public AnnotationConflictException()
        : this("Somebody else changed this in the meantime.")
    {
    }

    /// <summary>A conflict with a cause.</summary>
    public AnnotationConflictException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
