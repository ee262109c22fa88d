using System.Text;
using System.Text.Json;

namespace Workbench.Server.Datasets.Import;

/// <summary>
/// Reads a JSON list, one JSON object, or JSON lines (the content decides, not the name) row by row. A row that cannot be read is a row with
/// a problem, never the end of the file; only a broken list ends where it breaks.
/// </summary>
internal sealed class ImportReader
{
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 64 };

    private readonly string _file;
    private readonly byte[] _bytes;

    public ImportReader(string file, byte[] bytes)
    {
        _file = file;
        _bytes = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes[3..] : bytes;
        Format = Detect();
    }

    /// <summary><c>jsonl</c>, <c>json</c> or <c>empty</c>.</summary>
    public string Format { get; }

    public IEnumerable<ImportRow> Rows() => Format switch
    {
        "jsonl" => Lines(),
        "json" => Elements(),
        _ => [],
    };

    private string Detect()
    {
        var start = _bytes.AsSpan().IndexOfAnyExcept(" \t\r\n"u8);
        if (start < 0)
            return "empty";
        if (_bytes[start] == '[' && !IsWholeLineList(start))
            return "json";
        // An object over several lines is one record; an object that ends on its line is the first of JSON lines.
        return _bytes[start] == '{' && !ParsesAlone(FirstLine(start)) && ParsesAlone(_bytes) ? "json" : "jsonl";
    }

    // A list that closes on its own line and is followed by other lines is a line that is no record, not a file that is a list.
    private bool IsWholeLineList(int start)
    {
        var line = FirstLine(start);
        var after = start + line.Length;
        return after < _bytes.Length && _bytes.AsSpan(after).IndexOfAnyExcept(" \t\r\n"u8) >= 0 && ParsesAlone(line);
    }

    private ReadOnlyMemory<byte> FirstLine(int start)
    {
        var end = _bytes.AsSpan(start).IndexOf((byte)'\n');
        return _bytes.AsMemory(start, end < 0 ? _bytes.Length - start : end);
    }

    private static bool ParsesAlone(ReadOnlyMemory<byte> text)
    {
        var reader = new Utf8JsonReader(text.Span);
        try
        {
            return JsonDocument.TryParseValue(ref reader, out var document) && Finish(document, ref reader);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool Finish(JsonDocument document, ref Utf8JsonReader reader)
    {
        document.Dispose();
        return !reader.Read();
    }

    private IEnumerable<ImportRow> Lines()
    {
        var line = 0;
        for (var from = 0; from < _bytes.Length;)
        {
            line++;
            var length = _bytes.AsSpan(from).IndexOf((byte)'\n');
            var to = length < 0 ? _bytes.Length : from + length;
            var text = _bytes.AsMemory(from, to - from);
            from = to + 1;
            if (text.Span.IndexOfAnyExcept(" \t\r"u8) >= 0)
                yield return Line(text, line);
        }
    }

    private ImportRow Line(ReadOnlyMemory<byte> text, int line)
    {
        try
        {
            using var document = JsonDocument.Parse(text, s_options);
            return RowReader.Read(document.RootElement, line, _file);
        }
        catch (JsonException error)
        {
            var column = Column(text.Span, error.BytePositionInLine);
            return ImportRow.Refused(line, $"The line is not valid JSON: {Reason(error)}", column: column);
        }
    }

    private IEnumerable<ImportRow> Elements()
    {
        var state = new JsonReaderState(new JsonReaderOptions { MaxDepth = 64 });
        var (at, line) = (0, 1);
        while (Next(ref state, ref at, ref line) is { } row)
        {
            yield return row;
            if (row.Content is null && row.Field == BrokenField)
                yield break;
        }
    }

    private const string BrokenField = "(file)";

    private ImportRow? Next(ref JsonReaderState state, ref int at, ref int line)
    {
        var reader = new Utf8JsonReader(_bytes.AsSpan(at), isFinalBlock: true, state);
        try
        {
            do
            {
                if (!reader.Read())
                    return null;
            }
            while (reader.TokenType is JsonTokenType.EndArray && reader.CurrentDepth == 0 || reader.TokenType == JsonTokenType.StartArray && reader.CurrentDepth == 0);
            var start = at + (int)reader.TokenStartIndex;
            line += _bytes.AsSpan(at, start - at).Count((byte)'\n');
            var first = line;
            using var document = JsonDocument.ParseValue(ref reader);
            var end = at + (int)reader.BytesConsumed;
            line += _bytes.AsSpan(start, end - start).Count((byte)'\n');
            (at, state) = (end, reader.CurrentState);
            return RowReader.Read(document.RootElement, first, _file);
        }
        catch (JsonException)
        {
            return Broken();
        }
    }

    // Positions of a partly read list are relative to where reading went on; the whole file knows the true ones.
    private ImportRow Broken()
    {
        try
        {
            using var document = JsonDocument.Parse(_bytes, s_options);
            return ImportRow.Refused(1, "The list cannot be read: a value follows its end.", BrokenField);
        }
        catch (JsonException error)
        {
            var line = (int)(error.LineNumber ?? 0) + 1;
            return ImportRow.Refused(line, $"The list is not valid JSON from here on: {Reason(error)} Rows after this place were not read.", BrokenField, Column(LineAt(line), error.BytePositionInLine));
        }
    }

    private ReadOnlySpan<byte> LineAt(int line)
    {
        var rest = _bytes.AsSpan();
        for (var i = 1; i < line && rest.IndexOf((byte)'\n') is >= 0 and var end; i++)
            rest = rest[(end + 1)..];
        return rest;
    }

    private static int Column(ReadOnlySpan<byte> line, long? bytes) => Encoding.UTF8.GetCharCount(line[..(int)Math.Clamp(bytes ?? 0, 0, line.Length)]) + 1;

    private static string Reason(JsonException error)
    {
        var end = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? error.Message : error.Message[..end];
    }
}
