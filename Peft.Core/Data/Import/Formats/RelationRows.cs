using System.Text.Json;

namespace Peft.Core.Data.Import.Formats;

/// <summary>The workbench's own annotated passages: <c>text</c>, <c>entities</c> with ids and UTF-16 offsets, <c>relations</c> between ids, <c>candidates</c>.</summary>
internal sealed class AnnotatedRows : RowReader
{
    public static bool Fits(JsonElement row) => RowFields.Has(row, "text") && RowFields.Has(row, "relations");

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var notes = new List<ImportNote>();
        var text = RowFields.Required(row, "text");
        var (spans, ids) = (new List<RawSpan>(), new HashSet<string>(StringComparer.Ordinal));
        var list = RowFields.List(row, "entities");
        for (var i = 0; i < list.Length; i++)
        {
            var field = $"entities[{i}]";
            var id = RowFields.Text(list[i], ["id"], field) ?? throw new RowException($"{field}.id", $"{field} has no id.");
            var (start, end) = (RowFields.Whole(list[i], "start", field), RowFields.Whole(list[i], "end", field));
            if (start < 0 || end <= start || end > text.Length)
                throw new RowException(field, $"{field} '{id}' covers [{start}, {end}), but the passage has {text.Length} UTF-16 units.");
            if (RowFields.Text(list[i], ["text"], field) is { } words && words != text[start..end])
                throw new RowException(field, $"{field} '{id}' says '{words}', but [{start}, {end}) of the passage is '{text[start..end]}'. Offsets count UTF-16 units.");
            ids.Add(id);
            spans.Add(new RawSpan(id, [(start, end)], text[start..end], RowFields.Text(list[i], ["type"], field)));
        }

        var links = new List<RawRelation>();
        var relations = RowFields.List(row, "relations");
        for (var i = 0; i < relations.Length; i++)
        {
            var field = $"relations[{i}]";
            var type = RowFields.Text(relations[i], ["type", "relation"], field) ?? throw new RowException($"{field}.type", $"{field} names no relation type.");
            links.Add(new RawRelation(End(relations[i], "head", ids, field), End(relations[i], "tail", ids, field), type, false));
        }

        var (entities, kept) = new AnnotationBuilder(text, OffsetUnit.Utf16, notes).Build(spans, links);
        yield return Reading.Of(
            new ImportedAnnotation(text, entities, kept)
            {
                Id = RowFields.Any(row, "id"), Split = RowFields.Split(row), Candidates = Candidates(row), HasRelations = true,
                Fields = RowFields.Rest(row, ["text", "entities", "relations", "candidates"]),
            },
            notes);
    }

    private static string End(JsonElement relation, string role, HashSet<string> ids, string field)
    {
        var id = RowFields.Text(relation, [role], field) ?? throw new RowException($"{field}.{role}", $"{field} has no {role}.");
        return ids.Contains(id) ? id : throw new RowException($"{field}.{role}", $"{field}: {role} '{id}' is not among the entities.");
    }

    private static IReadOnlyList<string>? Candidates(JsonElement row) => RowFields.Find(row, "candidates") is null
        ? null
        : [.. RowFields.List(row, "candidates").Select((item, i) => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw new RowException($"candidates[{i}]", $"candidates[{i}] is {JsonRows.Kind(item)}, not a text."))];
}

/// <summary>
/// Facts by words, without places: InstructIE and DeepKE (<c>relation</c> of head, relation, tail), DuIE (<c>spo_list</c>), InstructKGC
/// (<c>kg</c> beside instruction and output, which are kept as they are).
/// </summary>
internal sealed class TripleRows(ImportOptions options) : RowReader
{
    private const int MostCandidates = 200;
    private readonly SortedSet<string> relations = new(StringComparer.Ordinal);

    public static bool Fits(JsonElement row) => Passage(row) is not null && (IsList(row, "relation", "head") || IsList(row, "spo_list", "predicate"));

    public override bool NeedsSurvey => true;

    public override void Survey(JsonElement row)
    {
        foreach (var name in Items(row).Select(item => RowFields.Any(item.Item, item.Type)).OfType<string>())
        {
            if (relations.Count < MostCandidates)
                relations.Add(name);
        }
    }

    public override IEnumerable<ImportNote> FileNotes()
    {
        if (options.Candidates is null && relations.Count > 0)
            yield return ImportNote.Told("candidates-from-file", $"The file does not say which relations are asked for; all {relations.Count} that occur in it are.");
    }

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var text = Passage(row) ?? throw new RowException("text", $"Field 'text' is missing{RowFields.Present(row)}.");
        var triples = new List<Triple>();
        foreach (var (item, head, type, tail, field) in Items(row))
            triples.Add(new Triple(Name(item, head, field), Name(item, type, field), Name(item, tail, field)));
        var used = (string[])["text", "input", "spo_list", "relation"];
        yield return Reading.Of(new ImportedAnnotation(text, [], [])
        {
            Id = RowFields.Any(row, "id"), Split = RowFields.Split(row), Triples = triples, HasRelations = true,
            Candidates = options.Candidates ?? [.. relations],
            Fields = Beside(row, used),
        });
    }

    /// <summary>Types of heads and tails stay beside the record: the triple itself has no place for them.</summary>
    private static System.Text.Json.Nodes.JsonObject? Beside(JsonElement row, string[] used)
    {
        var rest = RowFields.Rest(row, used);
        foreach (var name in (string[])["relation", "spo_list"])
        {
            if (RowFields.Find(row, name) is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.Object && item.EnumerateObject().Count() > 3))
                (rest ??= [])[name] = RowFields.Node(list);
        }

        return rest;
    }

    private static string? Passage(JsonElement row) =>
        RowFields.Has(row, "text", JsonValueKind.String) ? row.GetProperty("text").GetString() : RowFields.Has(row, "input", JsonValueKind.String) && !RowFields.Has(row, "instruction") ? row.GetProperty("input").GetString() : null;

    private static bool IsList(JsonElement row, string list, string field) => RowFields.Find(row, list) is { ValueKind: JsonValueKind.Array } items
        && (items.GetArrayLength() == 0 || RowFields.Has(items[0], field));

    private static IEnumerable<(JsonElement Item, string Head, string Type, string Tail, string Field)> Items(JsonElement row)
    {
        var number = 0;
        if (RowFields.Find(row, "relation") is { ValueKind: JsonValueKind.Array } list)
        {
            foreach (var item in list.EnumerateArray())
                yield return (item, "head", "relation", "tail", $"relation[{number++}]");
        }
        else if (RowFields.Find(row, "spo_list") is { ValueKind: JsonValueKind.Array } facts)
        {
            foreach (var item in facts.EnumerateArray())
                yield return (item, "subject", "predicate", "object", $"spo_list[{number++}]");
        }
    }

    private static string Name(JsonElement item, string field, string path)
    {
        var value = RowFields.Find(item, field) ?? throw new RowException($"{path}.{field}", $"{path} has no {field}.");

        // DuIE 2.0 wraps objects: {"@value": …} beside further slots, which stay beside the record.
        if (value.ValueKind == JsonValueKind.Object && RowFields.Find(value, "@value") is { } inner)
            value = inner;
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new RowException($"{path}.{field}", $"Field '{path}.{field}' must be a text, but is {JsonRows.Kind(value)}.");
    }
}

/// <summary>Entities or events by words, without places (DeepKE's samples): they become an instruction whose answer is JSON, which is told.</summary>
internal sealed class SampleRows : RowReader
{
    public static bool Fits(JsonElement row) => RowFields.Has(row, "text", JsonValueKind.String)
        && (RowFields.Find(row, "entity") is { ValueKind: JsonValueKind.Array } || RowFields.Find(row, "event") is { ValueKind: JsonValueKind.Array });

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var text = RowFields.Required(row, "text");
        var (field, instruction) = RowFields.Has(row, "entity")
            ? ("entity", "请从输入中抽取实体及其类型，以JSON列表回答。")
            : ("event", "请从输入中抽取事件的触发词、类型和论元，以JSON列表回答。");
        var output = JsonSerializer.Serialize(RowFields.Find(row, field) ?? throw new RowException(field, $"Field '{field}' is missing{RowFields.Present(row)}."), RowFields.Plain);
        yield return Reading.Of(
            new ImportedInstruction(instruction, text, output) { Id = RowFields.Any(row, "id"), Split = RowFields.Split(row), Fields = RowFields.Rest(row, ["text", field]) },
            [ImportNote.Changed("output-serialised-to-json-text", $"Field '{field}' is a list; it is kept as JSON text.", field)]);
    }
}
