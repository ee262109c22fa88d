using System.Globalization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Serialization.Pickle;

/// <summary>
/// A file that <c>torch.save</c> wrote (<c>pytorch_model.bin</c>, <c>adapter_model.bin</c>): a zip archive with a pickle and one file per
/// storage, or the older form, a row of pickles with the storages behind. Only tensors are taken from it, and nothing in it is executed.
/// Storages that lie unpacked in the file are mapped. Not thread-safe.
/// </summary>
public sealed class TorchFile : IWeightFile
{
    private readonly MappedFile mapped;
    private readonly Dictionary<string, PickleTensor> tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoredTensor> stored = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoragePlace> places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> unpacked = new(StringComparer.Ordinal);

    private TorchFile(string path)
    {
        Path = path;
        mapped = new MappedFile(path);
    }

    /// <inheritdoc />
    public string Path { get; }

    /// <inheritdoc />
    public IReadOnlyDictionary<string, StoredTensor> Stored => stored;

    /// <summary>Opens a file and reads what it says about its tensors.</summary>
    /// <exception cref="PeftException">
    /// The file is missing, truncated or damaged, of another format, or its pickle holds an opcode or a name that tensors do not need; names
    /// file, position and what is refused.
    /// </exception>
    public static TorchFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            using var stream = File.OpenRead(path);
            var file = new TorchFile(path);
            file.Read(stream);
            return file;
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

    /// <summary>
    /// The tensor as a view of the mapped file; a copy where its storage is packed or its elements do not lie in order.
    /// </summary>
    /// <exception cref="PeftException">No such tensor, or one that repeats the elements of its storage.</exception>
    public Tensor Tensor(string name)
    {
        if (!tensors.TryGetValue(name, out var tensor))
            throw new PeftException($"{Path}: tensor '{name}' is missing.");
        var shape = tensor.Shape.ToArray();
        if (tensor.Count == 0)
            return zeros(shape, tensor.Storage.DType);
        if (tensor.Count > tensor.Storage.Count)
            throw new PeftException($"{Path}: tensor '{name}' of shape [{string.Join(", ", shape)}] repeats the {tensor.Storage.Count} element(s) that are stored for it; it cannot be a weight.");
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var elements = Elements(tensor.Storage);
        var view = elements.as_strided(shape, [.. tensor.Strides], elements.storage_offset() + tensor.Offset); // counted from the mapping's start
        return view.contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public void Forget() => mapped.Forget();

    /// <inheritdoc />
    public void Dispose()
    {
        mapped.Dispose();
        foreach (var storage in unpacked.Values)
            storage.Dispose();
        unpacked.Clear();
    }

    private void Read(FileStream stream)
    {
        Span<byte> head = stackalloc byte[2];
        if (stream.Length < 2)
            throw new PeftException($"{Path}: truncated: it has {stream.Length} byte(s).");
        stream.ReadExactly(head);
        stream.Position = 0;
        object? content = head switch
        {
            [(byte)'P', (byte)'K'] => ReadArchive(stream),
            [0x80, _] => ReadRow(stream),
            _ => throw new PeftException(string.Create(CultureInfo.InvariantCulture, $"{Path}: starts with bytes 0x{head[0]:X2} 0x{head[1]:X2}; a file that torch.save wrote is a zip archive or a pickle.")),
        };
        if (content is not PickleDictionary dictionary)
            throw new PeftException($"{Path}: holds no dictionary of tensors.");
        foreach (var (key, value) in dictionary.Items)
        {
            if (key is not string name || value is not PickleTensor tensor)
                continue; // counters and the like, which are no weights; a weight that is none is reported as missing
            tensors[name] = tensor;
            stored[name] = new StoredTensor(name, tensor.Storage.DType, tensor.Shape, tensor.Count * DTypes.Size(tensor.Storage.DType), DTypes.Code(tensor.Storage.DType));
        }

        if (tensors.Count == 0 && dictionary.Items.Count > 0)
            throw new PeftException($"{Path}: holds no tensors at its top level, but {string.Join(", ", dictionary.Items.Take(5).Select(item => $"'{item.Key}'"))}. Save the state dict itself.");
    }

    private object? ReadArchive(FileStream stream)
    {
        var entries = ZipDirectory.Read(Path, stream);
        var pickle = entries.Values.FirstOrDefault(e => e.Name.EndsWith("/data.pkl", StringComparison.Ordinal))
            ?? throw new PeftException($"{Path}: is a zip archive without data.pkl; torch.save did not write it.");
        var root = pickle.Name[..^"data.pkl".Length];
        if (entries.TryGetValue(root + "byteorder", out var order) && order.Size < 16 && ZipDirectory.Bytes(Path, stream, order).AsSpan().SequenceEqual("big"u8))
            throw new PeftException($"{Path}: its numbers are big-endian; save it on a little-endian machine.");
        var bytes = ZipDirectory.Bytes(Path, stream, pickle);
        var storages = new Dictionary<string, PickleStorage>(StringComparer.Ordinal);
        using var memory = new MemoryStream(bytes);
        var content = PickleReader.Read(new PickleStream(memory, bytes.Length, 0, $"{Path}, {pickle.Name}"), storages);
        foreach (var storage in storages.Values)
        {
            if (!entries.TryGetValue($"{root}data/{storage.Key}", out var entry))
                throw new PeftException($"{Path}: storage '{storage.Key}' is missing from the archive.");
            Place(storage, entry.Position, entry.Size, entry.Packed ? entry : null);
        }

        return content;
    }

    /// <summary>The form before version 1.6: magic number, version, machine, content, keys of the storages; behind them each storage with its length.</summary>
    private object? ReadRow(FileStream file)
    {
        using var stream = new BufferedStream(file, 1 << 16);
        var pickles = new PickleStream(stream, file.Length, 0, Path);
        var storages = new Dictionary<string, PickleStorage>(StringComparer.Ordinal);
        PickleReader.Read(pickles, storages);
        if (PickleReader.Read(pickles, storages) is not 1001L)
            throw new PeftException($"{Path}: is a pickle, but not one of version 1001 that torch.save wrote.");
        if (PickleReader.Read(pickles, storages) is PickleDictionary machine && machine.Items.Any(item => item is { Key: "little_endian", Value: false }))
            throw new PeftException($"{Path}: its numbers are big-endian; save it on a little-endian machine.");
        var content = PickleReader.Read(pickles, storages);
        if (PickleReader.Read(pickles, []) is not List<object?> keys)
            throw pickles.Refused(pickles.Position, "no list of storages where one is expected.");
        foreach (var key in keys)
        {
            var at = pickles.Position;
            if (key is not string name || !storages.TryGetValue(name, out var storage))
                throw pickles.Refused(at, $"storage '{key}' belongs to no tensor.");
            if (pickles.Little(8) is var count && count != storage.Count)
                throw pickles.Refused(at, $"storage '{name}' has {count} elements here and {storage.Count} above.");
            var bytes = (Int128)count * DTypes.Size(storage.DType);
            if (bytes > pickles.Remaining)
                throw pickles.Refused(at, $"truncated: storage '{name}' has {count:N0} elements, {pickles.Remaining:N0} bytes are left.");
            Place(storage, pickles.Position, (long)bytes, null);
            stream.Seek((long)bytes, SeekOrigin.Current);
        }

        if (storages.Keys.FirstOrDefault(key => !places.ContainsKey(key)) is { } missing)
            throw new PeftException($"{Path}: storage '{missing}' is missing at the file's end.");
        return content;
    }

    private void Place(PickleStorage storage, long position, long bytes, ZipEntry? packed)
    {
        if ((Int128)storage.Count * DTypes.Size(storage.DType) > bytes)
            throw new PeftException($"{Path}: storage '{storage.Key}' should hold {storage.Count:N0} elements of {DTypes.Code(storage.DType)}, but has {bytes:N0} bytes.");
        places[storage.Key] = new StoragePlace(position, packed);
    }

    private Tensor Elements(PickleStorage storage)
    {
        var place = places[storage.Key];
        if (place.Packed is null)
            return mapped.View(storage.DType, place.Position + (storage.Start * DTypes.Size(storage.DType)), storage.Count);
        if (!unpacked.TryGetValue(storage.Key, out var whole))
        {
            using var stream = File.OpenRead(Path);
            var bytes = ZipDirectory.Bytes(Path, stream, place.Packed);
            var size = DTypes.Size(storage.DType);
            whole = empty([bytes.Length / size], storage.DType).DetachFromDisposeScope();
            bytes.AsSpan(0, bytes.Length / size * size).CopyTo(whole.bytes);
            unpacked.Add(storage.Key, whole);
        }

        return whole.narrow(0, storage.Start, storage.Count);
    }

    private sealed record StoragePlace(long Position, ZipEntry? Packed);
}
