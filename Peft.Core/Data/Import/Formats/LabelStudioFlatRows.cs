using System.Text.Json;

namespace Peft.Core.Data.Import.Formats;

/// <summary>
/// Label Studio's JSON_MIN, CSV and TSV: one row an annotation, controls as fields. The files hold no relations and do not say which
/// field is which control, so that is found out from all rows and told.
/// </summary>
internal sealed class LabelStudioFlatRows(ImportOptions options) : RowReader
{
    private static readonly HashSet<string> s_own = ["id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"];
    private static readonly string[] s_written = ["note", "comment", "remark", "备注", "说明", "评论"];

    private readonly UnitEvidence evidence = new(options.OffsetUnit);
    private readonly Dictionary<string, Control> controls = new(StringComparer.Ordinal);

    private enum Control
    {
        Unknown,
        Text,
        Spans,
        Choices,
        Written,
        Meta,
    }

    public static bool Fits(JsonElement row) => RowFields.Has(row, "annotation_id") && RowFields.Has(row, "annotator") && RowFields.Has(row, "created_at");

    public override bool NeedsSurvey => true;

    public override OffsetUnit? Unit => evidence.Unit;

    public override bool AsksForUnit => evidence.Asks;

    public override IEnumerable<ImportNote> FileNotes()
    {
        yield return ImportNote.Told("relations-absent-in-format", "This export of Label Studio never holds relations. Export as JSON to have them.");
        var guessed = controls.Where(pair => pair.Value is Control.Unknown or Control.Meta).Select(pair => $"{pair.Key} ({(IsWritten(pair.Key) ? "text" : "data of the task")})").ToList();
        if (guessed.Count > 0)
            yield return ImportNote.Told("control-assumed", $"The file does not say what these columns are; taken by their names: {string.Join(", ", guessed)}.");
        foreach (var note in evidence.Notes())
            yield return note;
    }

    public override void Survey(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            return;
        var sawId = false;
        foreach (var property in row.EnumerateObject())
        {
            sawId |= property.Name == "id";
            if (s_own.Contains(property.Name))
                continue;

            // JSON_MIN writes the data of the task before its id and the controls behind it; tables are in alphabetical order.
            var found = property.Name == "text" ? Control.Text : Recognise(Value(property.Value));
            var known = controls.GetValueOrDefault(property.Name);
            if (known == Control.Unknown)
                controls[property.Name] = found == Control.Unknown && !sawId && RowFields.Has(row, "text") && row.EnumerateObject().First().Name is not ("annotation_id" or "id") ? Control.Meta : found;
        }

        if (RowFields.Has(row, "text", JsonValueKind.String))
            evidence.Add(row.GetProperty("text").GetString()!, Spans(row));
    }

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var notes = new List<ImportNote>();
        var text = RowFields.Required(row, "text");
        var (entities, _) = new AnnotationBuilder(text, evidence.Unit, notes).Build([.. Spans(row)], []);
        var (choices, written, meta) = (new List<string>(), new List<string>(), new Dictionary<string, string>(StringComparer.Ordinal));
        foreach (var property in row.EnumerateObject().Where(property => !s_own.Contains(property.Name)))
        {
            var value = Value(property.Value);
            switch (Kind(property.Name))
            {
                case Control.Choices:
                    choices.AddRange(Texts(value, "choices"));
                    break;
                case Control.Written:
                    written.AddRange(Texts(value, "text"));
                    break;
                case Control.Meta:
                    meta[property.Name] = RowFields.Any(value);
                    break;
            }
        }

        yield return Reading.Of(
            new ImportedAnnotation(text, entities, [])
            {
                Id = RowFields.Any(row, "id"), AnnotationId = RowFields.Any(row, "annotation_id"), Choices = choices, Notes = written, Meta = meta,
            },
            notes);
    }

    private Control Kind(string name) => controls.GetValueOrDefault(name) is var kind && kind != Control.Unknown ? kind : IsWritten(name) ? Control.Written : Control.Meta;

    private static bool IsWritten(string name) => s_written.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));

    private IEnumerable<RawSpan> Spans(JsonElement row)
    {
        var number = 0;
        foreach (var property in row.EnumerateObject().Where(property => controls.GetValueOrDefault(property.Name) == Control.Spans))
        {
            if (Value(property.Value) is not { ValueKind: JsonValueKind.Array } list)
                continue;
            foreach (var span in list.EnumerateArray().SelectMany(item => LabelStudioSpans.Of(item, $"{property.Name}[{number++}]")))
                yield return span;
        }
    }

    private static Control Recognise(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array when value.GetArrayLength() > 0 && RowFields.Has(value[0], "start") && RowFields.Has(value[0], "end") => Control.Spans,
        JsonValueKind.Array when value.GetArrayLength() > 0 && value[0].ValueKind == JsonValueKind.String => Control.Written,
        JsonValueKind.Object when RowFields.Has(value, "choices") => Control.Choices,
        JsonValueKind.Object when RowFields.Has(value, "text") => Control.Written,
        JsonValueKind.String when value.GetString()!.Contains('\n', StringComparison.Ordinal) => Control.Written,
        _ => Control.Unknown,
    };

    /// <summary>A value, or what a table's cell holds as JSON text.</summary>
    private static JsonElement Value(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String || value.GetString() is not { Length: > 1 } text || text[0] is not ('[' or '{'))
            return value;
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return value; // an ordinary text that begins with a bracket
        }
    }

    private static IEnumerable<string> Texts(JsonElement value, string field) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString() is { Length: > 0 } text ? [text] : [],
        JsonValueKind.Array => value.EnumerateArray().Select(RowFields.Any),
        JsonValueKind.Object when RowFields.Find(value, field) is { ValueKind: JsonValueKind.Array } list => list.EnumerateArray().Select(RowFields.Any),
        _ => [],
    };
}
