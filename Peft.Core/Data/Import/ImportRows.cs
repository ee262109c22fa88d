using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Data.Import.Containers;
using Peft.Core.Data.Import.Formats;

namespace Peft.Core.Data.Import;

/// <summary>Runs the rows of a file through the reader of their layout: no row ends the file, and every row says what became of it.</summary>
internal static class ImportRows
{
    // Marks that nobody sees: byte order mark, zero-width blank, word joiner, soft hyphen, direction marks, control characters. The joiners of
    // emoji and of Persian stay out.
    private static readonly SearchValues<char> s_invisible = SearchValues.Create(
        "\uFEFF\u200B\u2060\u00AD\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069\0\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\v\f\u000E\u000F\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001A\u001B\u001C\u001D\u001E\u001F\u007F\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008A\u008B\u008C\u008D\u008E\u008F\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009A\u009B\u009C\u009D\u009E\u009F");

    public static IEnumerable<ImportItem> Read(string file, IRowSource source, RowReader reader, FileEncoding? encoding)
    {
        reader.Begin();
        foreach (var row in source.Rows())
        {
            if (row.Problem is { } problem)
            {
                yield return new ImportItem(file, row.Row, row.Line, null, [problem]) { Raw = row.Raw };
                continue;
            }

            reader.Row = row.Row;
            var begins = true;
            foreach (var reading in All(reader, row.Value))
            {
                yield return new ImportItem(file, row.Row, row.Line, reading.Record, Marked(reading, encoding)) { Raw = row.Raw, BeginsRow = begins };
                begins = false;
            }
        }

        foreach (var (row, reading) in reader.Finish())
            yield return new ImportItem(file, row, row + 1, reading.Record, Marked(reading, encoding)) { BeginsRow = false };
    }

    private static List<Reading> All(RowReader reader, JsonElement row)
    {
        try
        {
            var readings = reader.Read(row).ToList();

            // A task with suggestions alone is a row too.
            return readings.Count > 0 ? readings : [new Reading(null, Reading.Clean)];
        }
        catch (RowException refused)
        {
            return [new Reading(null, [ImportNote.Refused(refused.Message, refused.Field)])];
        }
        catch (InvalidOperationException error)
        {
            // A value of another kind than the layout has at that place.
            return [new Reading(null, [ImportNote.Refused($"The row is not built as this layout says: {error.Message}")])];
        }
    }

    private static IReadOnlyList<ImportNote> Marked(Reading reading, FileEncoding? encoding)
    {
        if (reading.Record is null)
            return reading.Notes;
        List<ImportNote>? more = null;
        foreach (var (field, text) in Texts(reading.Record))
        {
            if (text.AsSpan().IndexOfAny(s_invisible) is >= 0 and var at)
                (more ??= [.. reading.Notes]).Add(ImportNote.Told("invisible-characters", $"The text holds a character that nobody sees (U+{(int)text[at]:X4} at {at}); it is kept.", field));
            if (text.Contains('\uFFFD', StringComparison.Ordinal))
            {
                (more ??= [.. reading.Notes]).Add(encoding is { Name: not "utf-8" }
                    ? ImportNote.Changed("undecodable-bytes", $"Some bytes are no text in {encoding.Name} and became U+FFFD. Is the encoding right?", field)
                    : ImportNote.Told("replacement-characters", "The text holds U+FFFD: it was damaged before.", field));
            }
        }

        return more ?? reading.Notes;
    }

    private static IEnumerable<(string Field, string Text)> Texts(ImportedRecord record) => record switch
    {
        ImportedInstruction one => [("instruction", one.Instruction), ("input", one.Input), ("output", one.Output)],
        ImportedChat chat => chat.Messages.Select((message, i) => ($"messages[{i}]", message["content"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "")),
        ImportedAnnotation one => [("text", one.Text)],
        ImportedTask task => task.Record.Content.Select(text => ("text", text)),
        ImportedTokens tokens => tokens.Tokens.Select(token => ("token", token)),
        _ => [],
    };
}
