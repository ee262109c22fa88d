using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Serialization;

/// <summary>
/// Writes safetensors files as the reference library does (large element types first, then by name; header padded to 8 bytes), tensor by
/// tensor, into a file beside the target that is renamed when complete: a reader sees the old file or the new one, never half of one.
/// </summary>
public static class SafetensorsWriter
{
    private const long ElementsPerWrite = 16 << 20;

    /// <summary>Writes tensors to <paramref name="path"/>; missing folders are created.</summary>
    /// <param name="path">Target file.</param>
    /// <param name="tensors">Name and tensor; names must be unique.</param>
    /// <param name="metadata">Text pairs; by default <c>format: pt</c>, which loaders ask for.</param>
    /// <exception cref="PeftException">The disk is full or the file cannot be written; nothing is left behind.</exception>
    public static void Write(string path, IEnumerable<NamedParameter> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = tensors
            .OrderByDescending(t => DTypes.Size(t.Tensor.dtype))
            .ThenBy(t => DTypes.Code(t.Tensor.dtype), StringComparer.Ordinal)
            .ThenBy(t => t.Name, StringComparer.Ordinal)
            .ToList();
        var temporary = path + ".writing";
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
                Directory.CreateDirectory(folder);
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                WriteHeader(stream, ordered, metadata ?? new Dictionary<string, string> { ["format"] = "pt" });
                foreach (var item in ordered)
                    WriteData(stream, item.Tensor);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Discard(temporary);
            throw new PeftException($"{path}: cannot be written: {error.Message}", error);
        }
    }

    private static void WriteHeader(Stream stream, List<NamedParameter> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata)
                json.WriteString(key, value);
            json.WriteEndObject();
            var position = 0L;
            foreach (var (name, tensor) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", DTypes.Code(tensor.dtype));
                json.WriteStartArray("shape");
                foreach (var size in tensor.shape)
                    json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(position);
                position += tensor.numel() * DTypes.Size(tensor.dtype);
                json.WriteNumberValue(position);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)buffer.Length);
        stream.Write(length);
        buffer.Position = 0;
        buffer.CopyTo(stream);
    }

    private static void WriteData(Stream stream, Tensor tensor)
    {
        using var contiguous = TensorOps.Contiguous(tensor);
        using var flat = contiguous.view(-1);
        var count = flat.numel();
        for (var start = 0L; start < count; start += ElementsPerWrite)
        {
            using var part = flat.narrow(0, start, Math.Min(ElementsPerWrite, count - start));
            stream.Write(part.bytes);
        }
    }

    private static void Discard(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The message about the first failure matters more; the leftover is overwritten by the next attempt.
        }
    }
}
