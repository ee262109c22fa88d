using System.Text;
using System.Text.Json;

namespace Peft.Core.Data;

/// <summary>
/// Reads instruction data: a JSON array, or one JSON object a line (the content decides, not the file's name). Every row that cannot be
/// used becomes a <see cref="DataProblem"/> that names line, column and field; the others are kept.
/// </summary>
public static class InstructionReader
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64 };

    /// <summary>Reads a file and refuses it when any row is unusable or nothing is in it.</summary>
    /// <exception cref="PeftException">Missing file, unusable rows (the first ten are named), or no record.</exception>
    public static IReadOnlyList<InstructionRecord> ReadFile(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: the dataset file cannot be read: {e.Message}", e);
        }

        var read = Parse(bytes, path);
        if (read.Problems.Count > 0)
        {
            var shown = string.Join(Environment.NewLine, read.Problems.Take(10));
            var more = read.Problems.Count > 10 ? $"{Environment.NewLine}… and {read.Problems.Count - 10} more rows." : "";
            throw new PeftException(shown + more);
        }

        return read.Records.Count > 0
            ? read.Records
            : throw new PeftException($"{path}: the dataset is empty. Expected JSON objects with instruction, input and output, one a line or in one array.");
    }

    /// <summary>Reads a text that was dropped or pasted.</summary>
    public static InstructionFile Parse(string text, string fileName) => Parse(Encoding.UTF8.GetBytes(text), fileName);

    /// <summary>Reads UTF-8 bytes, with or without byte order mark.</summary>
    public static InstructionFile Parse(ReadOnlyMemory<byte> utf8, string fileName)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        var first = utf8.Span.IndexOfAnyExcept(" \t\r\n"u8);
        return first >= 0 && utf8.Span[first] == (byte)'[' ? ParseArray(utf8, fileName) : ParseLines(utf8, fileName);
    }

    private static InstructionFile ParseLines(ReadOnlyMemory<byte> utf8, string file)
    {
        var (records, lines, problems) = (new List<InstructionRecord>(), new List<int>(), new List<DataProblem>());
        var number = 0;
        for (var start = 0; start < utf8.Length;)
        {
            number++;
            var rest = utf8.Span[start..];
            var end = rest.IndexOf((byte)'\n');
            var line = utf8.Slice(start, end < 0 ? rest.Length : end);
            start += line.Length + 1;
            if (line.Span.IndexOfAnyExcept(" \t\r"u8) < 0)
                continue;
            try
            {
                using var document = JsonDocument.Parse(line, Options);
                Add(document.RootElement, file, number, records, lines, problems);
            }
            catch (JsonException e)
            {
                var column = Column(line.Span, e.BytePositionInLine ?? 0);
                problems.Add(new DataProblem(file, number, column, null, $"this line is no JSON: {Plain(e)} Expected one object with instruction, input and output."));
            }
        }

        return new InstructionFile("jsonl", records, lines, problems);
    }

    private static InstructionFile ParseArray(ReadOnlyMemory<byte> utf8, string file)
    {
        var (records, lines, problems) = (new List<InstructionRecord>(), new List<int>(), new List<DataProblem>());
        var starts = new List<int>();
        try
        {
            // The document model knows no positions: a first pass over the tokens finds where each element begins.
            var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = 64 });
            while (reader.Read())
            {
                if (reader.CurrentDepth == 1 && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
                    starts.Add((int)reader.TokenStartIndex);
            }

            using var document = JsonDocument.Parse(utf8, Options);
            var (index, line, counted) = (0, 1, 0);
            foreach (var element in document.RootElement.EnumerateArray())
            {
                line += utf8.Span[counted..starts[index]].Count((byte)'\n');
                counted = starts[index++];
                Add(element, file, line, records, lines, problems);
            }
        }
        catch (JsonException e)
        {
            records.Clear();
            lines.Clear();
            problems.Add(new DataProblem(file, (int)(e.LineNumber ?? 0) + 1, (int)(e.BytePositionInLine ?? 0) + 1, null, $"the file is no JSON: {Plain(e)}"));
        }

        return new InstructionFile("json", records, lines, problems);
    }

    private static void Add(JsonElement element, string file, int line, List<InstructionRecord> records, List<int> lines, List<DataProblem> problems)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new DataProblem(file, line, 1, null, $"expected an object with instruction, input and output, found {Kind(element)}."));
            return;
        }

        var before = problems.Count;
        var instruction = Text(element, "instruction", required: true, file, line, problems);
        var input = Text(element, "input", required: false, file, line, problems);
        var output = Text(element, "output", required: true, file, line, problems);
        var id = Text(element, "id", required: false, file, line, problems);
        var split = Text(element, "split", required: false, file, line, problems);
        if (problems.Count > before)
            return;
        if (output!.Length == 0)
        {
            problems.Add(new DataProblem(file, line, null, "output", "the answer is empty, so there is nothing to learn. Write the answer, or 无 when no triple is wanted."));
            return;
        }

        records.Add(new InstructionRecord(instruction!, input ?? "", output) { Id = id, Split = split });
        lines.Add(line);
    }

    private static string? Text(JsonElement element, string field, bool required, string file, int line, List<DataProblem> problems)
    {
        if (!element.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            if (required)
                problems.Add(new DataProblem(file, line, null, field, "is missing."));
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            try
            {
                return value.GetString();
            }
            catch (InvalidOperationException)
            {
                problems.Add(new DataProblem(file, line, null, field, "holds bytes or escapes that are no valid text."));
                return null;
            }
        }

        if (field == "id" && value.ValueKind == JsonValueKind.Number)
            return value.GetRawText();
        problems.Add(new DataProblem(file, line, null, field, $"must be a text, but is {Kind(value)}."));
        return null;
    }

    private static int Column(ReadOnlySpan<byte> line, long bytes) =>
        Encoding.UTF8.GetCharCount(line[..(int)Math.Min(bytes, line.Length)]) + 1;

    private static string Plain(JsonException e)
    {
        var cut = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return cut < 0 ? e.Message : e.Message[..cut];
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        JsonValueKind.String => "a text",
        _ => "null",
    };
}
