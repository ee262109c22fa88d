using System.Globalization;

namespace Peft.Core.Serialization.Gguf;

/// <summary>One tensor as a GGUF file describes it.</summary>
/// <param name="Name">llama.cpp's name, e.g. <c>blk.0.attn_q.weight</c>.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Sizes, outermost first (the file has them the other way round).</param>
/// <param name="Position">Where its bytes stand in the file.</param>
/// <param name="Bytes">How many they are.</param>
internal sealed record GgufTensor(string Name, GgufType Type, IReadOnlyList<long> Shape, long Position, long Bytes)
{
    /// <summary>Number of elements.</summary>
    public long Count => Bytes / Type.BlockBytes * Type.BlockElements;
}

/// <summary>
/// What a GGUF file says before its data, read and checked without touching tensors (so the server can use it): metadata, then names, shapes
/// and places of tensors. Versions 2 and 3, little-endian. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
/// </summary>
internal sealed class GgufHeader
{
    private const uint Magic = 0x46554747; // "GGUF"
    private const int MostDimensions = 4;

    private GgufHeader(string path, GgufMetadata metadata, IReadOnlyDictionary<string, GgufTensor> tensors)
    {
        Path = path;
        Metadata = metadata;
        Tensors = tensors;
    }

    public string Path { get; }

    public GgufMetadata Metadata { get; }

    /// <summary>Tensors by llama.cpp's names.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors { get; }

    /// <summary>The GGUF file that a path stands for: itself, or the only one of a folder without config.json. Null when it is none.</summary>
    /// <exception cref="PeftException">Several such files.</exception>
    public static string? Find(string path)
    {
        if (path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && !Directory.Exists(path))
            return path;
        if (!Directory.Exists(path) || File.Exists(System.IO.Path.Combine(path, "config.json")))
            return null;
        var files = Directory.GetFiles(path, "*.gguf");
        return files.Length < 2 ? files.FirstOrDefault() : throw new PeftException($"{path}: holds {files.Length} GGUF files; name the one that is meant.");
    }

    /// <summary>Reads and validates what stands in front of the data against the real length of the file.</summary>
    /// <exception cref="PeftException">Missing, truncated or contradictory; names file, position, and key or tensor.</exception>
    public static GgufHeader Read(string path)
    {
        try
        {
            using var stream = new BufferedStream(File.OpenRead(path), 1 << 16);
            return Read(path, new GgufReader(path, stream, stream.Length), stream.Length);
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

    private static GgufHeader Read(string path, GgufReader reader, long length)
    {
        if (reader.Word() != Magic)
            throw new PeftException($"{path}: is no GGUF file: it does not start with 'GGUF'.");
        var version = reader.Word();
        if (version is not (2 or 3))
            throw new PeftException($"{path}: GGUF version {version} is not supported{((version & 0xFFFF) == 0 ? " (the file is big-endian)" : "")}; 2 and 3 are.");
        var tensorCount = reader.Count("the number of tensors", 24);
        var valueCount = reader.Count("the number of metadata entries", 13);
        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        for (var i = 0; i < valueCount; i++)
        {
            var key = reader.Name("the name of a metadata entry");
            if (!values.TryAdd(key, reader.Value(key)))
                throw reader.Damaged($"metadata entry '{key}' stands twice in the file.");
        }

        var metadata = new GgufMetadata(path, values);
        var described = new List<(string Name, GgufType Type, long[] Shape, long Offset)>();
        for (var i = 0; i < tensorCount; i++)
            described.Add(ReadTensor(reader));
        var alignment = metadata.Whole("general.alignment") ?? 32;
        if (alignment is < 1 or > 1 << 20)
            throw new PeftException($"{path}: general.alignment is {alignment}.");
        var start = (reader.Position + alignment - 1) / alignment * alignment;
        return new GgufHeader(path, metadata, Place(path, described, start, length));
    }

    private static (string Name, GgufType Type, long[] Shape, long Offset) ReadTensor(GgufReader reader)
    {
        var name = reader.Name("the name of a tensor");
        var dimensions = reader.Word();
        if (dimensions > MostDimensions)
            throw reader.Damaged($"tensor '{name}' has {dimensions} dimensions; {MostDimensions} are possible.");
        var shape = new long[dimensions];
        for (var i = shape.Length - 1; i >= 0; i--)
            shape[i] = reader.Size($"a size of tensor '{name}'");
        var id = reader.Word();
        var type = GgufType.Find(id) ?? throw reader.Damaged($"tensor '{name}' is of type {GgufType.NameOf(id)} ({id}), which cannot be read; possible are {GgufType.Known}.");
        return (name, type, shape, reader.Size($"the place of tensor '{name}'"));
    }

    private static Dictionary<string, GgufTensor> Place(string path, List<(string Name, GgufType Type, long[] Shape, long Offset)> described, long start, long length)
    {
        var tensors = new Dictionary<string, GgufTensor>(StringComparer.Ordinal);
        foreach (var (name, type, shape, offset) in described)
        {
            if ((shape.Length > 0 ? shape[^1] : 1) % type.BlockElements != 0)
                throw new PeftException($"{path}: tensor '{name}' of type {type.Name} has rows of {(shape.Length > 0 ? shape[^1] : 1)} numbers, which are no whole blocks of {type.BlockElements}.");
            var bytes = (Int128)type.BlockBytes;
            foreach (var size in shape)
                bytes = bytes > long.MaxValue ? bytes : bytes * size;
            bytes /= type.BlockElements;
            if ((Int128)start + offset + bytes > length)
            {
                throw new PeftException(string.Create(
                    CultureInfo.InvariantCulture, $"{path}: truncated or damaged: tensor '{name}' of shape [{string.Join(", ", shape)}] would end at byte {(Int128)start + offset + bytes}, the file has {length}."));
            }

            if (!tensors.TryAdd(name, new GgufTensor(name, type, shape, start + offset, (long)bytes)))
                throw new PeftException($"{path}: tensor '{name}' stands twice in the file.");
        }

        GgufTensor? previous = null;
        foreach (var tensor in tensors.Values.OrderBy(t => t.Position).ThenBy(t => t.Bytes))
        {
            if (previous is not null && tensor.Position < previous.Position + previous.Bytes)
                throw new PeftException($"{path}: tensors '{previous.Name}' and '{tensor.Name}' overlap in the file.");
            previous = tensor;
        }

        return tensors;
    }
}
