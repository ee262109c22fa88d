using System.Text.Json;
using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets.Import;

/// <summary>Makes a record of one JSON value: Alpaca fields (and their common other names), or an annotated passage with relations.</summary>
internal static class RowReader
{
    private static readonly string[] s_instruction = ["instruction", "prompt", "question", "指令"];
    private static readonly string[] s_input = ["input", "context", "query", "输入"];
    private static readonly string[] s_output = ["output", "response", "answer", "completion", "target", "输出"];

    public static ImportRow Read(JsonElement row, int line, string file)
    {
        if (row.ValueKind != JsonValueKind.Object)
            return ImportRow.Refused(line, $"A record is a JSON object like {{\"instruction\": …, \"input\": …, \"output\": …}}, but this is {Kind(row)}.");
        try
        {
            var source = $"{file}:{line}";
            var content = row.TryGetProperty("relations", out _) && row.TryGetProperty("text", out _) ? Annotated(row, source) : Alpaca(row, source);
            return new ImportRow(line, content, Split(row), null, null, null);
        }
        catch (RowException refused)
        {
            return ImportRow.Refused(line, refused.Message, refused.Field);
        }
    }

    private static RecordContent Alpaca(JsonElement row, string source)
    {
        var instruction = Text(row, s_instruction) ?? throw Missing(row, s_instruction);
        var output = Text(row, s_output) ?? throw Missing(row, s_output);
        if (output.Length == 0)
            throw new RowException(s_output[0], $"Field '{s_output[0]}' is empty, so there is nothing to learn. Write the answer, or 无 when no triple is wanted.");
        var input = Text(row, s_input) ?? "";
        if (instruction.Length == 0 && input.Length == 0)
            throw new RowException(s_instruction[0], "Both instruction and input are empty: there is no question.");
        return new RecordContent(instruction, input, output, source, RelationForms.TryRead(instruction, input, output));
    }

    private static RecordContent Annotated(JsonElement row, string source)
    {
        var passage = Text(row, ["text"])!;
        var entities = Entities(row, passage);
        var relations = List(row, "relations");
        var triples = new List<(int Head, int Tail, TripleDto Triple)>(relations.Count);
        for (var i = 0; i < relations.Count; i++)
        {
            var field = $"relations[{i}]";
            var type = Text(relations[i], ["type", "relation"], field) ?? throw new RowException($"{field}.type", $"{field} names no relation type.");
            var head = Entity(relations[i], "head", entities, field);
            var tail = Entity(relations[i], "tail", entities, field);
            triples.Add((head.Start, tail.Start, new TripleDto(head.Text, type, tail.Text)));
        }

        var candidates = row.TryGetProperty("candidates", out _)
            ? [.. List(row, "candidates").Select((item, i) => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw new RowException($"candidates[{i}]", $"candidates[{i}] is {Kind(item)}, not a text."))]
            : triples.Select(triple => triple.Triple.Relation).Distinct(StringComparer.Ordinal).ToArray();
        var form = new RelationFormDto(candidates, passage, [.. triples.OrderBy(triple => triple.Head).ThenBy(triple => triple.Tail).Select(triple => triple.Triple)]);
        return RelationForms.Content(form, source);
    }

    private static Dictionary<string, (int Start, string Text)> Entities(JsonElement row, string passage)
    {
        var entities = new Dictionary<string, (int, string)>(StringComparer.Ordinal);
        var list = List(row, "entities");
        for (var i = 0; i < list.Count; i++)
        {
            var field = $"entities[{i}]";
            var id = Text(list[i], ["id"], field) ?? throw new RowException($"{field}.id", $"{field} has no id.");
            var (start, end) = (Whole(list[i], "start", field), Whole(list[i], "end", field));
            if (start < 0 || end <= start || end > passage.Length)
                throw new RowException(field, $"{field} '{id}' covers [{start}, {end}), but the passage has {passage.Length} UTF-16 units.");
            var covered = passage[start..end];
            if (Text(list[i], ["text"], field) is { } text && text != covered)
                throw new RowException(field, $"{field} '{id}' says '{text}', but [{start}, {end}) of the passage is '{covered}'. Offsets count UTF-16 units.");
            entities[id] = (start, covered);
        }

        return entities;
    }

    private static (int Start, string Text) Entity(JsonElement relation, string role, Dictionary<string, (int Start, string Text)> entities, string field)
    {
        var id = Text(relation, [role], field) ?? throw new RowException($"{field}.{role}", $"{field} has no {role}.");
        return entities.TryGetValue(id, out var entity)
            ? entity
            : throw new RowException($"{field}.{role}", $"{field}: {role} '{id}' is not among the entities.");
    }

    private static DatasetSplit? Split(JsonElement row) => Text(row, ["split"]) switch
    {
        null or "" => null,
        var text when text.Equals("train", StringComparison.OrdinalIgnoreCase) => DatasetSplit.Train,
        var text when text.Equals("dev", StringComparison.OrdinalIgnoreCase) || text.StartsWith("valid", StringComparison.OrdinalIgnoreCase) => DatasetSplit.Dev,
        var text when text.Equals("test", StringComparison.OrdinalIgnoreCase) => DatasetSplit.Test,
        var text => throw new RowException("split", $"Field 'split' is '{text}'; use train, dev or test."),
    };

    private static string? Text(JsonElement row, string[] names, string? path = null)
    {
        foreach (var name in names)
        {
            if (row.ValueKind != JsonValueKind.Object || !row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
                continue;
            var field = path is null ? name : $"{path}.{name}";
            if (value.ValueKind != JsonValueKind.String)
                throw new RowException(field, $"Field '{field}' must be a text, but is {Kind(value)}.");
            try
            {
                return value.GetString();
            }
            catch (InvalidOperationException)
            {
                throw new RowException(field, $"Field '{field}' holds something that is no character: is the file saved as UTF-8?");
            }
        }

        return null;
    }

    private static int Whole(JsonElement row, string name, string path) =>
        row.ValueKind == JsonValueKind.Object && row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            ? number
            : throw new RowException($"{path}.{name}", $"Field '{path}.{name}' must be a whole number.");

    private static IReadOnlyList<JsonElement> List(JsonElement row, string name) =>
        !row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? []
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()]
        : throw new RowException(name, $"Field '{name}' must be a list, but is {Kind(value)}.");

    private static RowException Missing(JsonElement row, string[] names)
    {
        var present = row.EnumerateObject().Select(property => property.Name).Take(12).ToArray();
        return new RowException(names[0], $"Field '{names[0]}' is missing ({(present.Length > 0 ? "the row has " + string.Join(", ", present) : "the row is empty")}).");
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    private sealed class RowException(string field, string message) : Exception(message)
    {
        public string Field { get; } = field;
    }
}
