using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace Peft.Core.Data.Import.Containers;

/// <summary>Rows of an Arrow file or stream (as Hugging Face <c>datasets</c> saves them), nested values as JSON.</summary>
internal sealed class ArrowSource : IRowSource
{
    private static readonly JsonWriterOptions s_writing = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string path;
    private readonly string label;

    /// <param name="path">The file.</param>
    /// <param name="label">Its name for messages.</param>
    public ArrowSource(string path, string label)
    {
        (this.path, this.label) = (path, label);
        using var stream = File.OpenRead(path);
        Columns = Guard(() =>
        {
            using var reader = Open(stream);
            return (IReadOnlyList<string>)[.. reader.Schema.FieldsList.Select(field => field.Name)];
        });
    }

    /// <inheritdoc />
    public string Container => "arrow";

    /// <inheritdoc />
    public IReadOnlyList<string> Columns { get; }

    /// <inheritdoc />
    public IEnumerable<DataRow> Rows()
    {
        using var stream = File.OpenRead(path);
        using var reader = Guard(() => Open(stream));
        var row = 0;
        while (Guard(reader.ReadNextRecordBatch) is { } batch)
        {
            using (batch)
            {
                for (var i = 0; i < batch.Length; i++, row++)
                {
                    var raw = Guard(() => Object(batch, i));
                    using var document = JsonDocument.Parse(raw);
                    yield return new DataRow(row, row + 1, document.RootElement, raw, null);
                }
            }
        }
    }

    private static ArrowStreamReader Open(Stream stream)
    {
        Span<byte> first = stackalloc byte[6];
        var read = stream.ReadAtLeast(first, 6, throwOnEndOfStream: false);
        stream.Position = 0;
        return read == 6 && first.SequenceEqual("ARROW1"u8) ? new ArrowFileReader(stream, leaveOpen: true) : new ArrowStreamReader(stream, leaveOpen: true);
    }

    private T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception error) when (error is not (PeftException or OutOfMemoryException))
        {
            // The library throws whatever a damaged file leads it to.
            throw new PeftException($"{label}: the Arrow file cannot be read: {error.Message}", error);
        }
    }

    private static ReadOnlyMemory<byte> Object(RecordBatch batch, int row)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, s_writing))
        {
            writer.WriteStartObject();
            for (var i = 0; i < batch.ColumnCount; i++)
            {
                writer.WritePropertyName(batch.Schema.GetFieldByIndex(i).Name);
                Value(writer, batch.Column(i), row);
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private static void Value(Utf8JsonWriter writer, IArrowArray array, int at)
    {
        if (array.IsNull(at))
        {
            writer.WriteNullValue();
            return;
        }

        switch (array)
        {
            case StringArray texts: writer.WriteStringValue(texts.GetString(at)); break;
            case LargeStringArray texts: writer.WriteStringValue(texts.GetString(at)); break;
            case StringViewArray texts: writer.WriteStringValue(texts.GetString(at)); break;
            case BooleanArray flags: writer.WriteBooleanValue(flags.GetValue(at)!.Value); break;
            case Int8Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case Int16Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case Int32Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case Int64Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case UInt8Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case UInt16Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case UInt32Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case UInt64Array numbers: writer.WriteNumberValue(numbers.GetValue(at)!.Value); break;
            case FloatArray numbers: Number(writer, numbers.GetValue(at)!.Value); break;
            case DoubleArray numbers: Number(writer, numbers.GetValue(at)!.Value); break;
            case HalfFloatArray numbers: Number(writer, (double)numbers.GetValue(at)!.Value); break;
            case TimestampArray times: writer.WriteStringValue(times.GetTimestamp(at)!.Value.ToString("o", CultureInfo.InvariantCulture)); break;
            case Date32Array days: writer.WriteStringValue(days.GetDateTime(at)!.Value.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)); break;
            case DictionaryArray dictionary: Value(writer, dictionary.Dictionary, Index(dictionary.Indices, at)); break;
            case ListArray list: List(writer, list.Values, list.ValueOffsets[at], list.ValueOffsets[at + 1]); break;
            case LargeListArray list: List(writer, list.Values, (int)list.ValueOffsets[at], (int)list.ValueOffsets[at + 1]); break;
            case FixedSizeListArray list:
                var size = ((FixedSizeListType)list.Data.DataType).ListSize;
                List(writer, list.Values, (list.Offset + at) * size, (list.Offset + at + 1) * size);
                break;
            case StructArray fields:
                writer.WriteStartObject();
                var type = (StructType)fields.Data.DataType;
                for (var i = 0; i < fields.Fields.Count; i++)
                {
                    writer.WritePropertyName(type.Fields[i].Name);
                    Value(writer, fields.Fields[i], at);
                }

                writer.WriteEndObject();
                break;
            case NullArray: writer.WriteNullValue(); break;
            default: throw new PeftException($"a column is of type {array.Data.DataType.Name}, which is not text, number or list.");
        }
    }

    private static void List(Utf8JsonWriter writer, IArrowArray values, int from, int to)
    {
        writer.WriteStartArray();
        for (var i = from; i < to; i++)
            Value(writer, values, i);
        writer.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter writer, double value)
    {
        if (double.IsFinite(value))
            writer.WriteNumberValue(value);
        else
            writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
    }

    private static int Index(IArrowArray indices, int at) => indices switch
    {
        Int8Array small => small.GetValue(at)!.Value,
        Int16Array small => small.GetValue(at)!.Value,
        Int64Array large => (int)large.GetValue(at)!.Value,
        Int32Array whole => whole.GetValue(at)!.Value,
        _ => throw new PeftException($"a dictionary is indexed by {indices.Data.DataType.Name}."),
    };
}
