using System.Text;
using System.Text.Json;

namespace Peft.Core.Data;

/// <summary>
/// Walks over rows that are a JSON array or one JSON object a line (the content decides, not the file's name) and names the places that
/// cannot be used.
/// </summary>
internal static class JsonRows
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64 };

    /// <summary>Calls <paramref name="add"/> with every object and its line.</summary>
    /// <param name="utf8">UTF-8 bytes, with or without byte order mark.</param>
    /// <param name="file">Name for messages.</param>
    /// <param name="expected">What a row should be, e.g. <c>object with instruction, input and output</c>.</param>
    /// <param name="problems">Takes rows that are no objects.</param>
    /// <param name="add">Takes the objects.</param>
    /// <returns><c>json</c> or <c>jsonl</c>, and whether all of it was JSON.</returns>
    public static (string Format, bool Whole) Walk(ReadOnlyMemory<byte> utf8, string file, string expected, List<DataProblem> problems, Action<JsonElement, int> add)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        void Take(JsonElement element, int line)
        {
            if (element.ValueKind == JsonValueKind.Object)
                add(element, line);
            else
                problems.Add(new DataProblem(file, line, 1, null, $"expected an {expected}, found {Kind(element)}."));
        }

        var first = utf8.Span.IndexOfAnyExcept(" \t\r\n"u8);
        if (first >= 0 && utf8.Span[first] == (byte)'[')
            return ("json", Array(utf8, file, problems, Take));
        Lines(utf8, file, expected, problems, Take);
        return ("jsonl", true);
    }

    /// <summary>A text field; null when it is absent or unusable, which is noted.</summary>
    public static string? Text(JsonElement element, string field, bool required, string file, int line, List<DataProblem> problems)
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

    /// <summary>What a JSON value is, for people.</summary>
    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        JsonValueKind.String => "a text",
        _ => "null",
    };

    /// <summary>The message of the JSON reader without its own position.</summary>
    public static string Plain(JsonException e)
    {
        var cut = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return cut < 0 ? e.Message : e.Message[..cut];
    }

    private static void Lines(ReadOnlyMemory<byte> utf8, string file, string expected, List<DataProblem> problems, Action<JsonElement, int> add)
    {
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
                add(document.RootElement, number);
            }
            catch (JsonException e)
            {
                var column = Column(line.Span, e.BytePositionInLine ?? 0);
                problems.Add(new DataProblem(file, number, column, null, $"this line is no JSON: {Plain(e)} Expected one {expected}."));
            }
        }
    }

    private static bool Array(ReadOnlyMemory<byte> utf8, string file, List<DataProblem> problems, Action<JsonElement, int> add)
    {
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
                add(element, line);
            }

            return true;
        }
        catch (JsonException e)
        {
            problems.Add(new DataProblem(file, (int)(e.LineNumber ?? 0) + 1, (int)(e.BytePositionInLine ?? 0) + 1, null, $"the file is no JSON: {Plain(e)}"));
            return false;
        }
    }

    private static int Column(ReadOnlySpan<byte> line, long bytes) =>
        Encoding.UTF8.GetCharCount(line[..(int)Math.Min(bytes, line.Length)]) + 1;
}
