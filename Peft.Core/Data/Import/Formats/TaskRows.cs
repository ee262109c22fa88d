using System.Globalization;
using System.Text.Json;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Data.Import.Formats;

/// <summary>Records in the fields of the workbench's own kinds: texts with entities (UTF-16 offsets), texts alone.</summary>
/// <param name="kind">Which kind.</param>
internal sealed class TaskKindRows(DatasetKind kind) : RowReader
{
    public override IEnumerable<Reading> Read(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            throw new RowException(null, $"A record is a JSON object, but this is {JsonRows.Kind(row)}.");
        var problems = new List<DataProblem>();
        var record = TaskRecords.ReadRow(kind, row, problems);
        if (record is null)
            throw new RowException(problems[0].Field, $"Field '{problems[0].Field}' {problems[0].Message}");
        yield return Reading.Of(new ImportedTask(record) { Id = record.Id, Split = RowFields.Split(row), Fields = RowFields.Rest(row, ["text", "entities"]) });
    }
}

/// <summary>
/// Texts with labels: the workbench's own fields, CLUE (<c>sentence</c>, <c>sentence1</c>/<c>sentence2</c>, <c>label_desc</c>), and other
/// common names.
/// </summary>
internal sealed class ClassificationRows : RowReader
{
    private static readonly string[] s_text = ["text", "sentence", "sentence1", "content", "review", "文本", "内容"];
    private static readonly string[] s_pair = ["text_pair", "sentence2", "text_b"];
    private static readonly string[] s_label = ["label_desc", "label", "labels", "category", "标签", "类别"];

    public static bool Fits(JsonElement row) => s_text.Any(name => RowFields.Has(row, name, JsonValueKind.String)) && s_label.Any(name => RowFields.Has(row, name));

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var textName = s_text.FirstOrDefault(name => RowFields.Find(row, name) is not null) ?? throw new RowException("text", $"Field 'text' is missing{RowFields.Present(row)}.");
        var text = RowFields.Text(row, [textName])!;
        if (text.Trim().Length == 0)
            throw new RowException(textName, $"Field '{textName}' is empty.");
        var pair = RowFields.Text(row, s_pair);
        var labelName = s_label.FirstOrDefault(name => RowFields.Find(row, name) is not null) ?? throw new RowException("label", $"Field 'label' is missing{RowFields.Present(row)}.");
        var label = Label(row.GetProperty(labelName), labelName);
        yield return Reading.Of(new ImportedTask(new ClassificationRecord(text, label) { TextPair = pair, Id = RowFields.Any(row, "id") })
        {
            Id = RowFields.Any(row, "id"), Split = RowFields.Split(row), Fields = RowFields.Rest(row, [textName, labelName, .. s_pair]),
        });
    }

    private static ClassLabel Label(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.String when value.GetString() is { Length: > 0 } text => ClassLabel.Of(text),
        JsonValueKind.Number when value.TryGetDouble(out var number) && double.IsFinite(number) => ClassLabel.Of(number),
        JsonValueKind.True or JsonValueKind.False => ClassLabel.Of(value.GetBoolean() ? "true" : "false"),
        JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String && item.GetString()!.Length > 0) =>
            ClassLabel.Of(value.EnumerateArray().Select(item => item.GetString()!).Distinct(StringComparer.Ordinal)),
        _ => throw new RowException(name, $"Field '{name}' must be a text, a list of texts, or a number, and no text may be empty."),
    };
}

/// <summary>CLUENER: <c>label</c> is type → words → places, with ends that count their last character.</summary>
internal sealed class ClueNerRows : RowReader
{
    public static bool Fits(JsonElement row) => RowFields.Has(row, "text", JsonValueKind.String) && RowFields.Has(row, "label", JsonValueKind.Object);

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var notes = new List<ImportNote>();
        var text = RowFields.Required(row, "text");
        var spans = new List<RawSpan>();
        foreach (var type in row.GetProperty("label").EnumerateObject())
        {
            foreach (var words in type.Value.ValueKind == JsonValueKind.Object ? type.Value.EnumerateObject() : throw new RowException($"label.{type.Name}", $"Field 'label.{type.Name}' must be an object from words to places."))
            {
                foreach (var place in words.Value.EnumerateArray())
                {
                    if (place.ValueKind != JsonValueKind.Array || place.GetArrayLength() != 2 || !place[0].TryGetInt32(out var start) || !place[1].TryGetInt32(out var end))
                        throw new RowException($"label.{type.Name}.{words.Name}", $"Field 'label.{type.Name}.{words.Name}' must be a list of [start, end].");
                    spans.Add(new RawSpan(string.Create(CultureInfo.InvariantCulture, $"{type.Name}@{start}"), [(start, end + 1)], words.Name, type.Name));
                }
            }
        }

        var (entities, _) = new AnnotationBuilder(text, OffsetUnit.CodePoint, notes).Build(spans, []);
        yield return Reading.Of(new ImportedAnnotation(text, entities, []) { Id = RowFields.Any(row, "id"), Split = RowFields.Split(row) }, notes);
    }
}

/// <summary>Rows that nobody has said the meaning of yet.</summary>
/// <param name="columns">Names of the columns.</param>
internal sealed class UnmappedRows(IReadOnlyList<string> columns) : RowReader
{
    public override IEnumerable<Reading> Read(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            throw new RowException(null, $"A record is a JSON object like {{\"instruction\": …, \"input\": …, \"output\": …}}, but this is {JsonRows.Kind(row)}.");
        yield return Reading.Of(new ImportedCells([.. columns.Select(column => RowFields.Any(row, column) ?? "")]));
    }
}

/// <summary>Instructions and annotated passages in one file: a row that looks like the other of the two is read as it.</summary>
internal sealed class MixedRows(Layout layout, RowReader reader, ImportOptions options, Containers.IRowSource source) : RowReader
{
    private readonly Layout other = LayoutCatalog.Find(layout.Name == "alpaca" ? "annotated" : "alpaca");
    private RowReader? second;

    public override IEnumerable<Reading> Read(JsonElement row) =>
        row.ValueKind == JsonValueKind.Object && !layout.Fits(row) && other.Fits(row) ? (second ??= other.Create(options, source)).Read(row) : reader.Read(row);
}
