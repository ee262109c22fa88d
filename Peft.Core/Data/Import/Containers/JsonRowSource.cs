using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Peft.Core.Data.Import.Containers;

/// <summary>
/// Rows that are a JSON list, one JSON object, or one JSON value a line; the content decides, not the name. Reads through a window, so that
/// a file may be larger than memory. A row that cannot be read is a row with a problem, never the end of the file.
/// </summary>
internal sealed class JsonRowSource : IRowSource
{
    /// <summary>Longest row in bytes.</summary>
    private const int LongestRow = 256 << 20;
    private const int Sample = 1 << 20;
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 64, AllowTrailingCommas = true };
    private static readonly JsonReaderOptions s_reading = new() { MaxDepth = 64, AllowTrailingCommas = true };

    private readonly Func<Stream> open;
    private readonly bool isTranscoded;

    /// <param name="open">Opens the file as UTF-8 without byte order mark.</param>
    /// <param name="isTranscoded">Whether it was in another encoding, so that unreadable bytes arrive as replacement characters.</param>
    public JsonRowSource(Func<Stream> open, bool isTranscoded = false)
    {
        this.open = open;
        this.isTranscoded = isTranscoded;
        Container = Detect();
    }

    /// <inheritdoc />
    public string Container { get; }

    /// <inheritdoc />
    public IReadOnlyList<string>? Columns => null;

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows() => Container switch
    {
        "jsonl" => Lines(),
        "json" => Elements(),
        _ => [],
    };

    /// <summary>The whole file as one value; null when it is none.</summary>
    public JsonDocument? Whole()
    {
        using var stream = open();
        try
        {
            return JsonDocument.Parse(stream, s_options);
        }
        catch (JsonException)
        {
            return null; // rows name the place
        }
    }

    private string Detect()
    {
        using var window = new ByteWindow(open(), LongestRow);
        while (window.Bytes.Length < Sample && window.More())
        {
        }

        var bytes = window.Bytes;
        var start = bytes.Span.IndexOfAnyExcept(" \t\r\n"u8);
        if (start < 0)
            return "empty";
        var line = FirstLine(bytes[start..]);
        var after = bytes.Span[(start + line.Length)..].IndexOfAnyExcept(" \t\r\n"u8) >= 0 || !window.IsLast;
        if (bytes.Span[start] == (byte)'[')
            return after && ParsesAlone(line) ? "jsonl" : "json";

        // An object over several lines is one record; an object that ends on its line is the first of JSON lines.
        if (bytes.Span[start] != (byte)'{' || ParsesAlone(line) || !after)
            return "jsonl";
        var next = bytes.Span[(start + line.Length)..].TrimStart(" \t\r\n"u8);
        return next.Length > 0 && next[0] == (byte)'{' ? "jsonl" : "json";
    }

    private static ReadOnlyMemory<byte> FirstLine(ReadOnlyMemory<byte> bytes)
    {
        var end = bytes.Span.IndexOf((byte)'\n');
        return end < 0 ? bytes : bytes[..end];
    }

    private static bool ParsesAlone(ReadOnlyMemory<byte> text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, s_options);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private IEnumerable<DataRow> Lines()
    {
        using var window = new ByteWindow(open(), LongestRow);
        var (line, row) = (0, 0);
        var searched = 0;
        while (true)
        {
            var length = window.Bytes.Span[searched..].IndexOf((byte)'\n');
            if (length < 0 && !window.IsLast && !window.IsFull)
            {
                searched = window.Bytes.Length;
                window.More();
                continue;
            }

            if (length < 0 && window.Bytes.Length == 0)
                yield break;
            var text = length < 0 ? window.Bytes : window.Bytes[..(searched + length)];
            line++;
            if (text.Span.IndexOfAnyExcept(" \t\r"u8) >= 0)
            {
                var one = Parse(text, row++, line);
                using (one.Document)
                    yield return one.Row;
            }

            window.Pass(Math.Min(text.Length + 1, window.Bytes.Length));
            searched = 0;
        }
    }

    private (JsonDocument? Document, DataRow Row) Parse(ReadOnlyMemory<byte> text, int row, int line)
    {
        if (!isTranscoded && !Utf8.IsValid(text.Span))
            return (null, new DataRow(row, line, default, text, NotUtf8(text.Span)));
        try
        {
            var document = JsonDocument.Parse(text, s_options);
            return (document, new DataRow(row, line, document.RootElement, text, null));
        }
        catch (JsonException error)
        {
            return (null, new DataRow(row, line, default, text,
                ImportNote.Refused($"The line is not valid JSON: {JsonRows.Plain(error)}", column: Column(text.Span, error.BytePositionInLine))));
        }
    }

    private IEnumerable<DataRow> Elements()
    {
        using var window = new ByteWindow(open(), LongestRow);
        var state = new JsonReaderState(s_reading);
        var (line, row) = (1, 0);
        var prefix = ReadOnlyMemory<byte>.Empty;
        while (true)
        {
            var next = Next(window, state);
            if (next.Kind == Step.More)
            {
                if (!window.IsLast && !window.IsFull)
                {
                    window.More();
                    continue;
                }

                next = next with { Kind = Step.Broken };
            }

            if (next.Kind == Step.End)
            {
                if (window.Bytes.Span[next.End..].IndexOfAnyExcept(" \t\r\n"u8) is >= 0 and var more)
                {
                    line += window.Bytes.Span[..(next.End + more)].Count((byte)'\n');
                    yield return new DataRow(row, line, default, default, ImportNote.Refused("The list cannot be read: a value follows its end.", field: "(file)"));
                }

                yield break;
            }

            var first = line + window.Bytes.Span[..next.Start].Count((byte)'\n');
            if (next.Kind == Step.Value)
            {
                var raw = window.Bytes[next.Start..next.End];
                var valid = isTranscoded || Utf8.IsValid(raw.Span);
                prefix = Prefix(window.Bytes.Span, next.Start, prefix);
                using (next.Document)
                    yield return valid ? new DataRow(row++, first, next.Document!.RootElement, raw, null) : new DataRow(row++, first, default, raw, NotUtf8(raw.Span));
                line += window.Bytes.Span[..next.End].Count((byte)'\n');
                window.Pass(next.End);
                state = next.State;
                continue;
            }

            // A broken element: the next one that begins like those before it goes on.
            while (!window.IsFull && window.More())
            {
            }

            var bytes = window.Bytes;
            var (where, column, reason) = Fault(bytes[next.Start..], first, ColumnOf(bytes.Span, next.Start));
            var resume = prefix.Length == 0 ? -1 : bytes.Span[(next.Start + 1)..].IndexOf(prefix.Span);
            var end = resume < 0 ? bytes.Length : next.Start + 1 + resume;
            var message = resume < 0
                ? $"The list is not valid JSON from here on: {reason} Rows after this place were not read."
                : $"The element is not valid JSON: {reason}";
            yield return new DataRow(row++, where, default, bytes[next.Start..end], ImportNote.Refused(message, "(file)", column));
            if (resume < 0)
                yield break;
            line = first + bytes.Span[next.Start..(end + prefix.Length - 1)].Count((byte)'\n');
            window.Pass(end + prefix.Length - 1);
            state = Inside();
        }
    }

    private enum Step
    {
        Value,
        End,
        More,
        Broken,
    }

    private readonly record struct Found(Step Kind, int Start, int End, JsonDocument? Document, JsonReaderState State);

    private static Found Next(ByteWindow window, JsonReaderState state)
    {
        var bytes = window.Bytes;
        var reader = new Utf8JsonReader(bytes.Span, window.IsLast, state);
        var start = LeadingBlank(bytes.Span);
        try
        {
            do
            {
                if (!reader.Read())
                    return new Found(window.IsLast ? Step.End : Step.More, start, bytes.Length, null, state);
                start = (int)reader.TokenStartIndex;
                if (reader is { TokenType: JsonTokenType.EndArray, CurrentDepth: 0 })
                    return new Found(Step.End, start, (int)reader.BytesConsumed, null, state);
            }
            while (reader is { TokenType: JsonTokenType.StartArray, CurrentDepth: 0 });
            return JsonDocument.TryParseValue(ref reader, out var document)
                ? new Found(Step.Value, start, (int)reader.BytesConsumed, document, reader.CurrentState)
                : new Found(Step.More, start, bytes.Length, null, state);
        }
        catch (JsonException)
        {
            return new Found(Step.Broken, Math.Max(start, LeadingBlank(bytes.Span)), bytes.Length, null, state);
        }
    }

    /// <summary>A reader's state inside a list, before an element.</summary>
    private static JsonReaderState Inside()
    {
        var reader = new Utf8JsonReader("[0,"u8, isFinalBlock: false, new JsonReaderState(s_reading));
        reader.Read();
        reader.Read();
        return reader.CurrentState;
    }

    private static readonly SearchValues<byte> s_beforeElement = SearchValues.Create(" \t\r\n,["u8);

    private static int LeadingBlank(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept(s_beforeElement) is >= 0 and var at ? at : bytes.Length;

    /// <summary>Line break, blanks and opening brace before an element that stands at the beginning of a line.</summary>
    private static ReadOnlyMemory<byte> Prefix(ReadOnlySpan<byte> bytes, int start, ReadOnlyMemory<byte> known)
    {
        if (known.Length > 0 || bytes[start] != (byte)'{')
            return known;
        var line = bytes[..start].LastIndexOf((byte)'\n');
        return line >= 0 && bytes[(line + 1)..start].IndexOfAnyExcept(" \t"u8) < 0 ? bytes[line..(start + 1)].ToArray() : known;
    }

    private static (int Line, int Column, string Reason) Fault(ReadOnlyMemory<byte> rest, int line, int column)
    {
        try
        {
            var reader = new Utf8JsonReader(rest.Span, s_reading);
            reader.Read();
            if (!reader.TrySkip())
                return (line, column, "it breaks off.");
            return (line, column, "a comma is missing before it.");
        }
        catch (JsonException error)
        {
            var below = (int)(error.LineNumber ?? 0);
            var at = (int)(error.BytePositionInLine ?? 0);
            return (line + below, below == 0 ? column + at : at + 1, JsonRows.Plain(error));
        }
    }

    private static int ColumnOf(ReadOnlySpan<byte> bytes, int at) => Encoding.UTF8.GetCharCount(bytes[(bytes[..at].LastIndexOf((byte)'\n') + 1)..at]) + 1;

    private static ImportNote NotUtf8(ReadOnlySpan<byte> bytes)
    {
        var good = 0;
        while (good < bytes.Length && Rune.DecodeFromUtf8(bytes[good..], out _, out var used) == System.Buffers.OperationStatus.Done)
            good += used;
        return ImportNote.Refused($"The row holds bytes that are no UTF-8 (0x{bytes[Math.Min(good, bytes.Length - 1)]:X2}). Is the file in another encoding?", column: Encoding.UTF8.GetCharCount(bytes[..good]) + 1);
    }

    private static int Column(ReadOnlySpan<byte> line, long? bytes) => Encoding.UTF8.GetCharCount(line[..(int)Math.Clamp(bytes ?? 0, 0, line.Length)]) + 1;
}
