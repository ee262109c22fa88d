using System.Text;
using System.Text.Json;

namespace Peft.Core.Data.Import;

/// <summary>Writes refused rows to be corrected and imported again: where each stood, why it was refused, and the row itself.</summary>
public static class RefusedRows
{
    private static readonly JsonWriterOptions s_writing = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Appends one row as a line of JSON; bytes that are no text are added in base 64.</summary>
    public static void Write(Stream target, string file, int line, ImportNote note, ReadOnlySpan<byte> raw)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(note);
        using (var json = new Utf8JsonWriter(target, s_writing))
        {
            json.WriteStartObject();
            json.WriteString("file", file);
            json.WriteNumber("line", line);
            if (note.Column is { } column)
                json.WriteNumber("column", column);
            if (note.Field is { } field)
                json.WriteString("field", field);
            json.WriteString("why", note.Message);
            json.WriteString("row", Encoding.UTF8.GetString(raw));
            if (!System.Text.Unicode.Utf8.IsValid(raw))
                json.WriteBase64String("bytes", raw);
            json.WriteEndObject();
        }

        target.WriteByte((byte)'\n');
    }
}
