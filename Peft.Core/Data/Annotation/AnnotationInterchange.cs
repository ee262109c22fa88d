using System.Text.Json;
using System.Text.Json.Serialization;

namespace Peft.Core.Data.Annotation;

/// <summary>An entity as other tools write it.</summary>
/// <param name="Id">Number within its text.</param>
/// <param name="Label">Type.</param>
/// <param name="StartOffset">First character.</param>
/// <param name="EndOffset">Behind the last character.</param>
/// <param name="Text">The marked words, by which every reader can check the offsets.</param>
public sealed record InterchangeEntity(
    [property: JsonPropertyName("id")] int Id,
    [property: JsonPropertyName("label")] string Label,
    [property: JsonPropertyName("start_offset")] int StartOffset,
    [property: JsonPropertyName("end_offset")] int EndOffset,
    [property: JsonPropertyName("text")] string? Text);

/// <summary>A relation as other tools write it.</summary>
/// <param name="Id">Number within its text.</param>
/// <param name="FromId">Head.</param>
/// <param name="ToId">Tail.</param>
/// <param name="Type">Type.</param>
public sealed record InterchangeRelation(
    [property: JsonPropertyName("id")] int Id,
    [property: JsonPropertyName("from_id")] int FromId,
    [property: JsonPropertyName("to_id")] int ToId,
    [property: JsonPropertyName("type")] string Type);

/// <summary>A line of the relation format of doccano (fields <c>text</c>, <c>entities</c>, <c>relations</c>), with the marked words beside the offsets.</summary>
/// <param name="Text">The text.</param>
/// <param name="Entities">Entities.</param>
/// <param name="Relations">Relations.</param>
public sealed record InterchangeText(
    [property: JsonPropertyName("text")] string Text,
    [property: JsonPropertyName("entities")] IReadOnlyList<InterchangeEntity> Entities,
    [property: JsonPropertyName("relations")] IReadOnlyList<InterchangeRelation> Relations);

/// <summary>Annotated texts to tools that count characters otherwise, and back, without a mark that moves.</summary>
public static class AnnotationInterchange
{
    private static readonly JsonSerializerOptions s_json = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The text for a tool that counts in the given unit.</summary>
    public static InterchangeText To(AnnotatedText text, OffsetUnit unit)
    {
        ArgumentNullException.ThrowIfNull(text);
        var places = new TextUnits(text.Text);
        var spans = text.Spans.OrderBy(s => s.Start).ThenBy(s => s.End).ThenBy(s => s.Type, StringComparer.Ordinal).ToList();
        var numbers = spans.Select((span, i) => (span.Id, i)).ToDictionary(x => x.Id, x => x.i);
        return new InterchangeText(
            text.Text,
            [.. spans.Select((s, i) => new InterchangeEntity(i, s.Type, places.To(unit, s.Start), places.To(unit, s.End), text.Words(s)))],
            [.. text.Relations.Select((r, i) => new InterchangeRelation(i, numbers[r.Head], numbers[r.Tail], r.Type))]);
    }

    /// <summary>One line of JSON.</summary>
    public static string Line(InterchangeText text) => JsonSerializer.Serialize(text, s_json);

    /// <summary>Reads a text of another tool. Marked words decide the unit where they are given; a mark that fits nowhere is refused, not moved.</summary>
    /// <param name="text">The text.</param>
    /// <param name="unit">The unit, where no words are given.</param>
    /// <exception cref="PeftException">An offset does not fit the text, or a relation has no end.</exception>
    public static AnnotatedText From(InterchangeText text, OffsetUnit unit)
    {
        ArgumentNullException.ThrowIfNull(text);
        var told = text.Entities.Where(e => e.Text is not null).Select(e => (text.Text, e.StartOffset, e.EndOffset, e.Text!)).ToList();
        if (told.Count > 0)
            unit = TextUnits.Detect(told) ?? throw new PeftException("The offsets of the entities do not show the words beside them in any unit.");
        var places = new TextUnits(text.Text);
        var spans = text.Entities.Select(e => places.From(unit, e.StartOffset) is { } start && places.From(unit, e.EndOffset) is { } end && start < end
            ? new AnnotatedSpan(Id("e", e.Id), start, end, e.Label)
            : throw new PeftException($"Entity {e.Id} reaches from {e.StartOffset} to {e.EndOffset}, which is no place in its text.")).ToList();
        var known = spans.Select(s => s.Id).ToHashSet();
        foreach (var relation in text.Relations.Where(r => !known.Contains(Id("e", r.FromId)) || !known.Contains(Id("e", r.ToId))))
            throw new PeftException($"Relation {relation.Id} leads from {relation.FromId} to {relation.ToId}, but there is no such entity.");
        return new AnnotatedText(text.Text, spans, [.. text.Relations.Select(r => new AnnotatedRelation(Id("r", r.Id), Id("e", r.FromId), Id("e", r.ToId), r.Type))]);
    }

    private static string Id(string kind, int number) => kind + number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
