using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import.Formats;

/// <summary>
/// Label Studio's JSON: a task with its annotations and predictions. Every annotation is a record of its own, a prediction becomes a
/// suggestion behind all records. Offsets count code points since version 1.x and UTF-16 units before; the recorded words decide.
/// </summary>
internal sealed class LabelStudioRows(ImportOptions options) : RowReader
{
    private readonly UnitEvidence evidence = new(options.OffsetUnit);
    private readonly SortedSet<string> types = new(StringComparer.Ordinal);
    private readonly List<(int Row, Reading Reading)> suggestions = [];

    public static bool Fits(JsonElement row) =>
        RowFields.Has(row, "data", JsonValueKind.Object) && (RowFields.Has(row, "annotations", JsonValueKind.Array) || RowFields.Has(row, "completions", JsonValueKind.Array) || RowFields.Has(row, "predictions", JsonValueKind.Array));

    public override bool NeedsSurvey => true;

    public override OffsetUnit? Unit => evidence.Unit;

    public override bool AsksForUnit => evidence.Asks;

    public override IEnumerable<ImportNote> FileNotes() => evidence.Notes();

    public override IReadOnlyList<string> RelationTypes => [.. types];

    public override void Survey(JsonElement row)
    {
        foreach (var result in Results(row))
        {
            types.UnionWith(result.Where(one => RowFields.Any(one, "type") == "relation").SelectMany(one => Strings(one, "labels")));
            var spans = Spans(result);
            if (spans.Count > 0 && TextOf(row, spans) is { } text)
                evidence.Add(text, spans);
        }
    }

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        if (RowFields.Find(row, "data") is not { ValueKind: JsonValueKind.Object } data)
            throw new RowException("data", $"Field 'data' is missing{RowFields.Present(row)}.");
        var any = false;
        foreach (var annotation in Annotations(row))
        {
            any = true;
            var skipped = RowFields.Find(annotation, "was_cancelled") is { ValueKind: JsonValueKind.True };
            yield return One(row, data, RowFields.List(annotation, "result"), skipped ? "skipped" : "submitted", annotation, []);
        }

        var predictions = RowFields.List(row, "predictions");
        if (predictions.Any(prediction => prediction.ValueKind == JsonValueKind.Number))
        {
            var note = ImportNote.Told("prediction-body-absent", "The file names predictions by number only; export with prediction bodies to have them.", "predictions");
            yield return new Reading(null, [note]);
        }

        foreach (var prediction in predictions.Where(prediction => prediction.ValueKind == JsonValueKind.Object))
        {
            any = true;
            suggestions.Add((Row, One(row, data, RowFields.List(prediction, "result"), "suggestion", prediction, [])));
        }

        if (!any)
            yield return One(row, data, [], "skipped", default, [ImportNote.Told("task-without-annotation", "The task has no annotation.")]);
    }

    public override void Begin() => suggestions.Clear();

    public override IEnumerable<(int Row, Reading Reading)> Finish() => suggestions;

    private Reading One(JsonElement task, JsonElement data, JsonElement[] results, string status, JsonElement annotation, List<ImportNote> notes)
    {
        var spans = Spans(results);
        var (field, text) = Text(data, spans);
        var relations = new List<RawRelation>();
        var (choices, written, others) = (new List<string>(), new List<string>(), new JsonArray());
        foreach (var result in results)
        {
            switch (RowFields.Any(result, "type"))
            {
                case "relation":
                    relations.AddRange(Relations(result));
                    break;
                case "choices":
                    choices.AddRange(Values(result, "choices"));
                    break;
                case "textarea":
                    written.AddRange(Values(result, "text"));
                    break;
                case "labels" or "hypertextlabels":
                    break;
                default:
                    others.Add(RowFields.Node(result));
                    notes.Add(ImportNote.Told("control-kept-beside", $"A result of type '{RowFields.Any(result, "type")}' has no place in a record; it is kept beside it."));
                    break;
            }
        }

        var (entities, links) = new AnnotationBuilder(text, evidence.Unit, notes).Build(spans, relations);
        var meta = data.EnumerateObject().Where(property => property.Name != field).ToDictionary(property => property.Name, property => RowFields.Any(property.Value), StringComparer.Ordinal);
        var record = new ImportedAnnotation(text, entities, links)
        {
            Id = RowFields.Any(task, "id"),
            Choices = choices,
            Notes = written,
            Meta = meta,
            Status = status,
            AnnotationId = status == "suggestion" ? null : RowFields.Any(annotation, "id"),
            ModelVersion = RowFields.Any(annotation, "model_version"),
            Score = RowFields.Find(annotation, "score") is { ValueKind: JsonValueKind.Number } score ? score.GetDouble() : null,
            HasRelations = true,
            Fields = others.Count > 0 ? new JsonObject { ["results"] = others } : null,
        };
        return Reading.Of(record, notes);
    }

    private static IEnumerable<RawRelation> Relations(JsonElement result)
    {
        var (from, to) = (RowFields.Any(result, "from_id") ?? "", RowFields.Any(result, "to_id") ?? "");
        var direction = RowFields.Any(result, "direction") ?? "right";

        // With "left" the arrow on the screen points at from_id.
        var (head, tail) = direction == "left" ? (to, from) : (from, to);
        var labels = Strings(result, "labels").ToList();
        return labels.Count == 0
            ? [new RawRelation(head, tail, null, direction == "bi")]
            : labels.Select(label => new RawRelation(head, tail, label, direction == "bi"));
    }

    private static List<RawSpan> Spans(IEnumerable<JsonElement> results)
    {
        var spans = new List<RawSpan>();
        foreach (var result in results)
        {
            if (RowFields.Any(result, "type") is not ("labels" or "hypertextlabels") || RowFields.Find(result, "value") is not { } value)
                continue;
            spans.AddRange(LabelStudioSpans.Of(value, RowFields.Any(result, "id") ?? $"span {spans.Count}"));
        }

        return spans;
    }

    private static IEnumerable<JsonElement> Annotations(JsonElement row) =>
        RowFields.List(row, RowFields.Has(row, "annotations") ? "annotations" : "completions").Where(annotation => annotation.ValueKind == JsonValueKind.Object);

    private static IEnumerable<JsonElement[]> Results(JsonElement row)
    {
        foreach (var list in (string[])["annotations", "completions", "predictions"])
        {
            if (RowFields.Find(row, list) is not { ValueKind: JsonValueKind.Array } annotations)
                continue;
            foreach (var annotation in annotations.EnumerateArray())
            {
                if (RowFields.Find(annotation, "result") is { ValueKind: JsonValueKind.Array } result)
                    yield return [.. result.EnumerateArray()];
            }
        }
    }

    private static string? TextOf(JsonElement row, List<RawSpan> spans) =>
        RowFields.Find(row, "data") is { ValueKind: JsonValueKind.Object } data && data.EnumerateObject().Any(property => property.Value.ValueKind == JsonValueKind.String) ? Text(data, spans).Text : null;

    /// <summary>The field of a task that the spans mark: <c>text</c>, or the one that holds their words, or the longest.</summary>
    private static (string Field, string Text) Text(JsonElement data, List<RawSpan> spans)
    {
        var texts = data.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.String).Select(property => (property.Name, Text: property.Value.GetString()!)).ToList();
        if (texts.Count == 0)
            throw new RowException("data", "The task's data holds no text.");
        var named = texts.FindIndex(text => text.Name == "text");
        if (named >= 0)
            return texts[named];
        var words = spans.Where(span => span.Text is { Length: > 0 }).Select(span => span.Text!).ToList();
        return texts.OrderByDescending(text => words.Count(word => text.Text.Contains(word, StringComparison.Ordinal))).ThenByDescending(text => text.Text.Length).First();
    }

    private static IEnumerable<string> Values(JsonElement result, string field) => RowFields.Find(result, "value") is { } value ? Strings(value, field) : [];

    private static IEnumerable<string> Strings(JsonElement element, string field) => RowFields.Find(element, field) switch
    {
        { ValueKind: JsonValueKind.Array } list => list.EnumerateArray().Select(RowFields.Any),
        { ValueKind: JsonValueKind.String } one => [one.GetString()!],
        _ => [],
    };
}

/// <summary>Spans as Label Studio writes them: start, end, words, and a list of labels.</summary>
internal static class LabelStudioSpans
{
    /// <summary>One span per label; one without type when it has no label.</summary>
    public static IEnumerable<RawSpan> Of(JsonElement value, string id)
    {
        if (!Number(value, "start", out var start) || !Number(value, "end", out var end))
            throw new RowException("value", $"Span '{id}' has no start and end.");
        var words = RowFields.Find(value, "text") is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;
        var labels = RowFields.Find(value, "labels") ?? RowFields.Find(value, "hypertextlabels");
        var types = labels is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray().Select(RowFields.Any).ToList() : [];
        if (types.Count == 0)
            return [new RawSpan(id, [(start, end)], words, null)];

        // Relations name the span once; of several labels the first carries it.
        return types.Select((type, i) => new RawSpan(i == 0 ? id : $"{id}#{i}", [(start, end)], words, type));
    }

    private static bool Number(JsonElement value, string field, out int number)
    {
        number = 0;
        return RowFields.Find(value, field) is { ValueKind: JsonValueKind.Number } found && found.TryGetInt32(out number);
    }
}
