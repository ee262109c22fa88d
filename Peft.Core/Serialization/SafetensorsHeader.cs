using System.Buffers.Binary;
using System.Text.Json;
using Peft.Core.Tensors;
using TorchSharp;

namespace Peft.Core.Serialization;

/// <summary>One tensor as a safetensors header describes it.</summary>
/// <param name="Name">Tensor name.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Begin">First byte, counted from the start of the data section.</param>
/// <param name="End">Byte after the last one.</param>
public sealed record SafetensorsEntry(string Name, torch.ScalarType DType, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Size in bytes.</summary>
    public long Bytes => End - Begin;

    /// <summary>Number of elements.</summary>
    public long Count => Bytes / DTypes.Size(DType);
}

/// <summary>
/// The header of a safetensors file, read and checked without touching tensors (so the server can use it): eight bytes of length, a JSON
/// index, then raw little-endian data. See https://github.com/huggingface/safetensors#format.
/// </summary>
public sealed class SafetensorsHeader
{
    private const long LargestHeader = 100_000_000;

    private SafetensorsHeader(string path, long dataOffset, IReadOnlyDictionary<string, SafetensorsEntry> entries, IReadOnlyDictionary<string, string> metadata)
    {
        Path = path;
        DataOffset = dataOffset;
        Entries = entries;
        Metadata = metadata;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Where the data section starts in the file.</summary>
    public long DataOffset { get; }

    /// <summary>Tensors by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries { get; }

    /// <summary>The free text pairs under <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads and validates a header against the real length of the file.</summary>
    /// <exception cref="PeftException">The file is missing, truncated, or its header contradicts itself or the file; names file and tensor.</exception>
    public static SafetensorsHeader Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            using var stream = File.OpenRead(path);
            return Read(path, stream);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PeftException($"{path}: file not found.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    private static SafetensorsHeader Read(string path, FileStream stream)
    {
        var fileLength = stream.Length;
        if (fileLength < 8)
            throw new PeftException($"{path}: truncated: a safetensors file starts with 8 bytes of header length, this file has {fileLength} bytes.");
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > LargestHeader)
            throw new PeftException($"{path}: not a safetensors file: its header would be {headerLength:N0} bytes long.");
        if (8 + (long)headerLength > fileLength)
            throw new PeftException($"{path}: truncated: the header says it is {headerLength:N0} bytes long, the file has {fileLength:N0} bytes in all.");
        var json = new byte[(int)headerLength];
        stream.ReadExactly(json);
        var (entries, metadata) = Parse(path, json, fileLength - 8 - (long)headerLength);
        return new SafetensorsHeader(path, 8 + (long)headerLength, entries, metadata);
    }

    private static (Dictionary<string, SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Parse(string path, byte[] json, long dataLength)
    {
        var entries = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json);
        }
        catch (JsonException error)
        {
            throw new PeftException($"{path}: damaged: the safetensors header is no JSON ({error.Message})", error);
        }

        using (document)
            ReadEntries(path, document, entries, metadata);
        CheckLayout(path, entries.Values, dataLength);
        return (entries, metadata);
    }

    private static void ReadEntries(string path, JsonDocument document, Dictionary<string, SafetensorsEntry> entries, Dictionary<string, string> metadata)
    {
        try
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new PeftException($"{path}: damaged: the safetensors header is no JSON object.");
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                {
                    ReadMetadata(path, property.Value, metadata);
                    continue;
                }

                if (!entries.TryAdd(property.Name, ReadEntry(path, property.Name, property.Value)))
                    throw new PeftException($"{path}: tensor '{property.Name}' appears twice in the header.");
            }
        }
        catch (InvalidOperationException error)
        {
            throw new PeftException($"{path}: damaged: the safetensors header holds a text that is no valid Unicode ({error.Message})", error);
        }
    }

    private static void ReadMetadata(string path, JsonElement value, Dictionary<string, string> metadata)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw new PeftException($"{path}: damaged: __metadata__ is no JSON object.");
        foreach (var pair in value.EnumerateObject())
            metadata[pair.Name] = pair.Value.ToString();
    }

    private static SafetensorsEntry ReadEntry(string path, string name, JsonElement value)
    {
        PeftException Damaged(string what) => new($"{path}: tensor '{name}': {what}");
        if (value.ValueKind != JsonValueKind.Object)
            throw Damaged("its header entry is no JSON object.");
        var code = value.TryGetProperty("dtype", out var dtypeElement) && dtypeElement.ValueKind == JsonValueKind.String ? dtypeElement.GetString() : null;
        var dtype = DTypes.FromCode(code) ?? throw Damaged($"unknown dtype '{code}'; possible are {DTypes.KnownCodes}.");
        var shape = ReadLongs(value, "shape") ?? throw Damaged("its shape is missing or no list of sizes.");
        var offsets = ReadLongs(value, "data_offsets");
        if (offsets is not { Count: 2 })
            throw Damaged("data_offsets is missing or no pair of byte positions.");
        var bytes = (Int128)DTypes.Size(dtype);
        foreach (var size in shape)
            bytes = size == 0 || bytes == 0 ? 0 : bytes > long.MaxValue / size ? long.MaxValue : bytes * size;
        var (begin, end) = (offsets[0], offsets[1]);
        if (end < begin)
            throw Damaged($"its data ends (byte {end}) before it begins (byte {begin}).");
        if (end - begin != bytes)
            throw Damaged($"shape [{string.Join(", ", shape)}] of {code} takes {bytes:N0} bytes, the header reserves {end - begin:N0}.");
        return new SafetensorsEntry(name, dtype, shape, begin, end);
    }

    private static List<long>? ReadLongs(JsonElement value, string field)
    {
        if (!value.TryGetProperty(field, out var array) || array.ValueKind != JsonValueKind.Array)
            return null;
        var numbers = new List<long>(array.GetArrayLength());
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out var number) || number < 0)
                return null;
            numbers.Add(number);
        }

        return numbers;
    }

    private static void CheckLayout(string path, IEnumerable<SafetensorsEntry> entries, long dataLength)
    {
        SafetensorsEntry? previous = null;
        foreach (var entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.End > dataLength)
                throw new PeftException($"{path}: truncated or lying header: tensor '{entry.Name}' ends at byte {entry.End:N0} of the data, the file holds {dataLength:N0}.");
            if (previous is not null && entry.Begin < previous.End)
                throw new PeftException($"{path}: tensors '{previous.Name}' and '{entry.Name}' overlap in the file.");
            previous = entry;
        }
    }
}
