using System.Buffers;
using System.Text.Json;

namespace Peft.Core.Data.Import.Containers;

/// <summary>Rows of cells as JSON objects, so that tables and JSON files are understood by the same readers.</summary>
internal static class CellRows
{
    private static readonly JsonWriterOptions s_writing = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>A row as an object from column to text.</summary>
    public static JsonDocument Object(IReadOnlyList<string> columns, IReadOnlyList<string> cells)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, s_writing))
        {
            writer.WriteStartObject();
            for (var i = 0; i < columns.Count; i++)
                writer.WriteString(columns[i], cells[i]);
            writer.WriteEndObject();
        }

        return JsonDocument.Parse(buffer.WrittenMemory);
    }

    /// <summary>Names of columns, each once and none empty.</summary>
    public static IReadOnlyList<string> Names(IReadOnlyList<string> header)
    {
        var names = new List<string>(header.Count);
        for (var i = 0; i < header.Count; i++)
        {
            var name = header[i].Trim().Length > 0 ? header[i].Trim() : $"column {i + 1}";
            var unique = name;
            for (var n = 2; names.Contains(unique, StringComparer.Ordinal); n++)
                unique = $"{name} ({n})";
            names.Add(unique);
        }

        return names;
    }
}
