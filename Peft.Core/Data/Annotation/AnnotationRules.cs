namespace Peft.Core.Data.Annotation;

/// <summary>
/// Applies operations to annotated texts. What the schema forbids, what would stand there twice and what would leave a relation without an end is
/// refused with the reason; what somebody else changed in the meantime is a conflict, never overwritten.
/// </summary>
public static class AnnotationRules
{
    /// <summary>The text after an operation.</summary>
    /// <param name="text">The text before.</param>
    /// <param name="operation">What is done.</param>
    /// <param name="schema">What is allowed.</param>
    /// <param name="trusted">
    /// True for what was there before (undo, a record read again): places are still checked, but not what the schema says now.
    /// </param>
    /// <exception cref="AnnotationConflictException">The operation replaces something that is no longer there as it says.</exception>
    /// <exception cref="PeftException">The operation is not allowed; the message says why.</exception>
    public static AnnotatedText Apply(AnnotatedText text, AnnotationOperation operation, AnnotationSchema schema, bool trusted = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(operation);
        ArgumentNullException.ThrowIfNull(schema);
        var passage = operation.Texts is { } texts ? PassageOf(texts.After) : text.Text;
        if (operation.Texts is { } change && PassageOf(change.Before) != text.Text)
            throw new AnnotationConflictException("Somebody else changed the text of this record in the meantime.");
        var spans = Replace(text.Spans, operation.Spans, c => c.Before, c => c.After, s => s.Id, s => $"the entity '{text.Words(s)}'");
        var relations = Replace(text.Relations, operation.Relations, c => c.Before, c => c.After, r => r.Id, r => $"the relation '{r.Type}'");
        var result = new AnnotatedText(passage, spans, relations);
        CheckPlaces(result, operation);
        CheckEnds(result, text);
        CheckTwice(result, operation, schema);
        if (!trusted)
            CheckLegal(result, operation, schema);
        return result;
    }

    /// <summary>The text of a record that is annotated: its input, or its instruction where it has none.</summary>
    public static string PassageOf(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return record.Input.Length > 0 ? record.Input : record.Instruction;
    }

    private static List<T> Replace<T, TChange>(
        IReadOnlyList<T> items, IReadOnlyList<TChange> changes, Func<TChange, T?> before, Func<TChange, T?> after, Func<T, string> id, Func<T, string> name)
        where T : class
    {
        var list = items.ToList();
        foreach (var change in changes)
        {
            var (old, now) = (before(change), after(change));
            if (old is null && now is null)
                throw new PeftException("A change has neither a state before nor a state after.");
            if (old is not null && now is not null && id(old) != id(now))
                throw new PeftException("A change may not give an item another id.");
            var at = list.FindIndex(item => id(item) == id((old ?? now)!));
            if (old is null)
            {
                if (at >= 0)
                    throw new AnnotationConflictException($"The id '{id(now!)}' is taken already.");
                list.Add(now!);
            }
            else if (at < 0 || !list[at].Equals(old))
            {
                throw new AnnotationConflictException(at < 0 ? $"Somebody else removed {name(old)} in the meantime." : $"Somebody else changed {name(list[at])} in the meantime.");
            }
            else if (now is null)
            {
                list.RemoveAt(at);
            }
            else
            {
                list[at] = now;
            }
        }

        return list;
    }

    private static void CheckPlaces(AnnotatedText result, AnnotationOperation operation)
    {
        var places = new TextUnits(result.Text);
        var all = operation.Texts is null ? operation.Spans.Select(c => c.After).OfType<AnnotatedSpan>() : result.Spans;
        foreach (var span in all)
        {
            var (start, end) = places.Snap(span.Start, span.End);
            if ((start, end) != (span.Start, span.End))
                throw new PeftException($"The stretch from {span.Start} to {span.End} cuts a character; the whole characters reach from {start} to {end}.");
        }
    }

    private static void CheckEnds(AnnotatedText result, AnnotatedText before)
    {
        foreach (var relation in result.Relations)
        {
            if (relation.Head == relation.Tail)
                throw new PeftException($"'{relation.Type}' would lead from an entity to itself.");
            foreach (var end in new[] { relation.Head, relation.Tail })
            {
                if (result.Span(end) is not null)
                    continue;
                // A relation that came after the entity was drawn from a state that is no longer there.
                throw before.Span(end) is { } gone
                    ? new AnnotationConflictException($"'{before.Words(gone)}' still has the relation '{relation.Type}': it must go first, or with it.")
                    : new AnnotationConflictException($"An end of the relation '{relation.Type}' was removed in the meantime.");
            }
        }
    }

    private static void CheckTwice(AnnotatedText result, AnnotationOperation operation, AnnotationSchema schema)
    {
        foreach (var span in operation.Spans.Select(c => c.After).OfType<AnnotatedSpan>())
        {
            if (result.Spans.Any(s => s.Id != span.Id && (s.Start, s.End, s.Type) == (span.Start, span.End, span.Type)))
                throw new PeftException($"'{result.Words(span)}' is marked as '{span.Type}' at this place already.");
        }

        foreach (var relation in operation.Relations.Select(c => c.After).OfType<AnnotatedRelation>())
        {
            var symmetric = schema.Relation(relation.Type)?.Symmetric == true;
            if (result.Relations.Any(r => r.Id != relation.Id && r.Type == relation.Type
                && ((r.Head, r.Tail) == (relation.Head, relation.Tail) || (symmetric && (r.Tail, r.Head) == (relation.Head, relation.Tail)))))
                throw new PeftException($"The relation ({Words(result, relation.Head)}, {relation.Type}, {Words(result, relation.Tail)}) is there already.");
        }
    }

    private static void CheckLegal(AnnotatedText result, AnnotationOperation operation, AnnotationSchema schema)
    {
        var retyped = new HashSet<string>();
        foreach (var change in operation.Spans.Where(c => c.After is not null && c.Before?.Type != c.After.Type))
        {
            // Names typed in an answer are marked before anybody has said what they are.
            if (change.After!.Type.Length == 0 && operation.Texts is not null)
                continue;
            if (schema.Entity(change.After.Type) is null)
                throw new PeftException(change.After.Type.Length == 0 ? "An entity needs a type." : $"The schema has no entity type '{change.After.Type}'.");
            if (change.Before is not null)
                retyped.Add(change.After.Id);
        }

        var changed = operation.Relations.Select(c => c.After).OfType<AnnotatedRelation>().Select(r => r.Id).ToHashSet();
        foreach (var relation in result.Relations)
        {
            var touched = changed.Contains(relation.Id);
            if (!touched && !retyped.Contains(relation.Head) && !retyped.Contains(relation.Tail))
                continue;
            if (schema.Illegal(relation.Type, result.Span(relation.Head)!.Type, result.Span(relation.Tail)!.Type) is { } reason)
            {
                throw new PeftException(touched ? reason
                    : $"The relation ({Words(result, relation.Head)}, {relation.Type}, {Words(result, relation.Tail)}) does not allow that type. {reason}");
            }

            if (touched)
                CheckLimits(result, relation, schema.Relation(relation.Type)!);
        }
    }

    private static void CheckLimits(AnnotatedText result, AnnotatedRelation relation, RelationType type)
    {
        var tails = result.Relations.Count(r => r.Type == relation.Type && r.Head == relation.Head);
        if (type.MaxPerHead > 0 && tails > type.MaxPerHead)
            throw new PeftException($"'{Words(result, relation.Head)}' may be the head of '{relation.Type}' at most {type.MaxPerHead} time(s).");
        var heads = result.Relations.Count(r => r.Type == relation.Type && r.Tail == relation.Tail);
        if (type.MaxPerTail > 0 && heads > type.MaxPerTail)
            throw new PeftException($"'{Words(result, relation.Tail)}' may be the tail of '{relation.Type}' at most {type.MaxPerTail} time(s).");
    }

    private static string Words(AnnotatedText text, string span) => text.Words(text.Span(span)!);
}
