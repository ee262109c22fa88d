using System.Text.Json;

namespace Peft.Core.Data.Import.Formats;

/// <summary>Alpaca fields and their common other names, with system prompt and history as LLaMA-Factory has them, and preference pairs' chosen answers.</summary>
internal sealed class InstructionRows : RowReader
{
    private static readonly string[] s_instruction = ["instruction", "prompt", "question", "指令", "问题"];
    private static readonly string[] s_input = ["input", "context", "query", "输入"];
    private static readonly string[] s_output = ["output", "response", "answer", "completion", "target", "输出", "回答", "chosen"];
    private static readonly string[] s_used = [.. s_instruction, .. s_input, .. s_output, "system", "history"];

    public static bool Fits(JsonElement row) =>
        (s_instruction.Any(name => RowFields.Has(row, name)) || RowFields.Has(row, "input")) && (s_output.Any(name => RowFields.Has(row, name)) || RowFields.Has(row, "instruction"));

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            throw new RowException(null, $"A record is a JSON object like {{\"instruction\": …, \"input\": …, \"output\": …}}, but this is {JsonRows.Kind(row)}.");
        var notes = new List<ImportNote>();
        var instruction = RowFields.Text(row, s_instruction);
        var input = RowFields.Text(row, s_input) ?? "";
        var output = Output(row, notes);
        if (instruction is null && !RowFields.Has(row, "instruction") && input.Length == 0)
            throw Missing(row, s_instruction);
        if (instruction is null)
            throw Missing(row, s_instruction);
        if (output.Length == 0)
            throw new RowException(s_output[0], $"Field '{s_output[0]}' is empty, so there is nothing to learn. Write the answer, or 无 when no triple is wanted.");
        if (instruction.Length == 0 && input.Length == 0)
            throw new RowException(s_instruction[0], "Both instruction and input are empty: there is no question.");
        if (instruction.Length == 0)
            notes.Add(ImportNote.Told("empty-instruction", "The instruction is empty; the input alone is the question.", "instruction"));
        var used = s_used.Where(name => RowFields.Find(row, name) is { } value && IsUsed(row, name, value)).ToArray();
        yield return Reading.Of(
            new ImportedInstruction(instruction, input, output)
            {
                System = RowFields.Text(row, ["system"]) ?? "",
                History = History(row),
                Id = RowFields.Any(row, "id"),
                Split = RowFields.Split(row),
                Fields = RowFields.Rest(row, used),
            },
            notes);
    }

    private static bool IsUsed(JsonElement row, string name, JsonElement value)
    {
        // Of several names for one field the first counts; the others stay beside the record.
        foreach (var names in (string[][])[s_instruction, s_input, s_output])
        {
            if (names.Contains(name))
                return names.First(other => RowFields.Find(row, other) is not null) == name;
        }

        return value.ValueKind != JsonValueKind.Undefined;
    }

    private static string Output(JsonElement row, List<ImportNote> notes)
    {
        foreach (var name in s_output)
        {
            if (RowFields.Find(row, name) is not { } value)
                continue;
            if (value.ValueKind is JsonValueKind.Array or JsonValueKind.Object)
            {
                notes.Add(ImportNote.Changed("output-serialised-to-json-text", $"Field '{name}' is {JsonRows.Kind(value)}; it is kept as JSON text.", name));
                return JsonSerializer.Serialize(value, RowFields.Plain);
            }

            if (name == "chosen")
                notes.Add(ImportNote.Changed("preference-chosen-kept", "The preferred answer is the output; the rejected one is kept beside the record.", name));
            return RowFields.Text(row, [name])!;
        }

        throw Missing(row, s_output);
    }

    private static IReadOnlyList<(string, string)> History(JsonElement row)
    {
        var turns = RowFields.List(row, "history");
        return [.. turns.Select((turn, i) => turn is { ValueKind: JsonValueKind.Array } && turn.GetArrayLength() == 2 && turn.EnumerateArray().All(part => part.ValueKind == JsonValueKind.String)
            ? (turn[0].GetString()!, turn[1].GetString()!)
            : throw new RowException($"history[{i}]", $"Field 'history[{i}]' must be a pair of texts: what the user said and what was answered."))];
    }

    private static RowException Missing(JsonElement row, string[] names) => new(names[0], $"Field '{names[0]}' is missing{RowFields.Present(row)}.");
}

/// <summary>
/// IEPile's form, which DeepKE writes too: the instruction is a JSON text with task, schema and passage. It is kept word for word, because
/// models are trained on exactly that; an evaluation row's <c>label</c> becomes the output of a test record, which is told.
/// </summary>
internal sealed class SchemaInstructionRows : RowReader
{
    public static bool Fits(JsonElement row) =>
        RowFields.Has(row, "instruction", JsonValueKind.String) && row.GetProperty("instruction").GetString() is { } text && text.StartsWith('{')
        && text.Contains("\"schema\"", StringComparison.Ordinal) && text.Contains("\"input\"", StringComparison.Ordinal);

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var notes = new List<ImportNote>();
        var instruction = RowFields.Required(row, "instruction");
        var output = RowFields.Text(row, ["output"]);
        var split = RowFields.Split(row);
        if (output is null)
        {
            output = RowFields.Any(row, "label") ?? throw new RowException("output", $"Field 'output' is missing{RowFields.Present(row)}.");
            split ??= "test";
            notes.Add(ImportNote.Changed("evaluation-label-as-output", "The row has no output; its label is the output, and it belongs to the test split.", "label"));
        }

        if (output.Length == 0)
            throw new RowException("output", "Field 'output' is empty, so there is nothing to learn. Write the answer, or 无 when no triple is wanted.");
        yield return Reading.Of(
            new ImportedInstruction(instruction, "", output)
            {
                Id = RowFields.Any(row, "id"), Split = split, Fields = RowFields.Rest(row, RowFields.Has(row, "output") ? ["instruction", "output"] : ["instruction", "label"]),
            },
            notes);
    }
}
