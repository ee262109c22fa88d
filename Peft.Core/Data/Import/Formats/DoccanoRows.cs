using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import.Formats;

/// <summary>
/// doccano's JSON lines: entities and relations by id, or <c>label</c> as a list of <c>[start, end, type]</c>. The page draws spans in UTF-16
/// units, imported spans keep whatever numbers they came with, and the file says neither: where it matters, a person is asked.
/// </summary>
internal sealed class DoccanoRows(ImportOptions options) : RowReader
{
    private static readonly string[] s_lists = ["label", "labels", "entities"];
    private readonly UnitEvidence evidence = new(options.OffsetUnit);
    private readonly SortedSet<string> types = new(StringComparer.Ordinal);

    public static bool Fits(JsonElement row) => RowFields.Has(row, "text", JsonValueKind.String) && (IsRelation(row) || IsList(row));

    /// <summary>Whether the row has the form with relations.</summary>
    public static bool IsRelation(JsonElement row) =>
        RowFields.Has(row, "entities", JsonValueKind.Array) && RowFields.Has(row, "relations", JsonValueKind.Array)
        && (row.GetProperty("entities").GetArrayLength() == 0 ? RowFields.Has(row, "Comments") : RowFields.Has(row.GetProperty("entities")[0], "start_offset"));

    public override bool NeedsSurvey => true;

    public override OffsetUnit? Unit => evidence.Unit;

    public override bool AsksForUnit => evidence.Asks;

    public override IEnumerable<ImportNote> FileNotes() => evidence.Notes();

    public override IReadOnlyList<string> RelationTypes => [.. types];

    public override void Survey(JsonElement row)
    {
        if (RowFields.Find(row, "relations") is { ValueKind: JsonValueKind.Array } links)
            types.UnionWith(links.EnumerateArray().Select(link => RowFields.Any(link, "type")).OfType<string>());
        if (RowFields.Has(row, "text", JsonValueKind.String))
            evidence.Add(row.GetProperty("text").GetString()!, Spans(row));
    }

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var notes = new List<ImportNote>();
        var text = RowFields.Required(row, "text");
        var isRelation = RowFields.Has(row, "relations", JsonValueKind.Array);
        var links = RowFields.List(row, "relations")
            .Select(link => new RawRelation(RowFields.Any(link, "from_id") ?? "", RowFields.Any(link, "to_id") ?? "", RowFields.Any(link, "type"), false)).ToList();
        var (entities, relations) = new AnnotationBuilder(text, evidence.Unit, notes).Build(Spans(row), links);
        var comments = (RowFields.Find(row, "Comments") ?? RowFields.Find(row, "comments")) is { ValueKind: JsonValueKind.Array } list
            ? list.EnumerateArray().Select(comment => RowFields.Any(comment, "comment") ?? RowFields.Any(comment)).ToList()
            : [];
        var used = new[] { "id", "text", "relations", "Comments", "comments", "label", "labels", "entities" };
        yield return Reading.Of(
            new ImportedAnnotation(text, entities, relations)
            {
                Id = RowFields.Any(row, "id"),
                Comments = comments,
                Meta = row.EnumerateObject().Where(property => !used.Contains(property.Name)).ToDictionary(property => property.Name, property => RowFields.Any(property.Value), StringComparer.Ordinal),
                HasRelations = isRelation,
            },
            notes);
    }

    private static bool IsList(JsonElement row) => s_lists.Any(name => RowFields.Has(row, name, JsonValueKind.Array)
        && row.GetProperty(name) is { } list && list.GetArrayLength() > 0
        && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Array && item.GetArrayLength() == 3 && item[0].ValueKind == JsonValueKind.Number));

    private static List<RawSpan> Spans(JsonElement row)
    {
        var spans = new List<RawSpan>();
        foreach (var name in s_lists)
        {
            if (RowFields.Find(row, name) is not { ValueKind: JsonValueKind.Array } list)
                continue;
            foreach (var item in list.EnumerateArray())
            {
                var field = $"{name}[{spans.Count}]";
                if (item.ValueKind == JsonValueKind.Array && item.GetArrayLength() == 3 && item[0].TryGetInt32(out var from) && item[1].TryGetInt32(out var to))
                    spans.Add(new RawSpan(field, [(from, to)], null, RowFields.Any(item[2])));
                else if (item.ValueKind == JsonValueKind.Object)
                    spans.Add(new RawSpan(RowFields.Any(item, "id") ?? field, [(RowFields.Whole(item, "start_offset", field), RowFields.Whole(item, "end_offset", field))], null, RowFields.Any(item, "label")));
                else
                    throw new RowException(field, $"Field '{field}' must be [start, end, type] or an object with start_offset, end_offset and label.");
            }
        }

        return spans;
    }
}
