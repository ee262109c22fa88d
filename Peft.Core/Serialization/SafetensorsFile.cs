using Peft.Core.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Serialization;

/// <summary>
/// A safetensors file whose tensors are views of the memory-mapped file: nothing is read before it is used, and several processes on the
/// same file share its pages. The mapping is private: writing to a tensor copies the page and never changes the file. Not thread-safe.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    // One mapping per element type, since a mapping cannot start at an offset: position p of the file is element p / size.
    private readonly Dictionary<ScalarType, Tensor> mappings = [];
    private readonly long fileLength;

    private SafetensorsFile(SafetensorsHeader header)
    {
        Header = header;
        fileLength = new FileInfo(header.Path).Length;
    }

    /// <summary>The validated header.</summary>
    public SafetensorsHeader Header { get; }

    /// <summary>Names of all tensors.</summary>
    public IEnumerable<string> Names => Header.Entries.Keys;

    /// <summary>Opens a file and validates its header.</summary>
    /// <exception cref="PeftException">See <see cref="SafetensorsHeader.Read(string)"/>.</exception>
    public static SafetensorsFile Open(string path) => new(SafetensorsHeader.Read(path));

    /// <summary>True when the file holds a tensor of that name.</summary>
    public bool Contains(string name) => Header.Entries.ContainsKey(name);

    /// <summary>
    /// The tensor as a view of the mapped file (a copy where the data is not aligned to its element size). The caller disposes the handle;
    /// the view stays valid after the file is disposed.
    /// </summary>
    /// <exception cref="PeftException">No such tensor.</exception>
    public Tensor Tensor(string name)
    {
        if (!Header.Entries.TryGetValue(name, out var entry))
            throw new PeftException($"{Header.Path}: tensor '{name}' is missing.");
        var shape = entry.Shape.ToArray();
        if (entry.Bytes == 0)
            return zeros(shape, entry.DType);
        var size = DTypes.Size(entry.DType);
        var position = Header.DataOffset + entry.Begin;
        if (position % size != 0)
            return Copy(entry, position, shape);
        using var flat = Mapping(entry.DType, size).narrow(0, position / size, entry.Count);
        return flat.view(shape);
    }

    /// <summary>A copy of the tensor, read from the file: it keeps no page of the file mapped. The caller disposes it.</summary>
    /// <exception cref="PeftException">No such tensor.</exception>
    public Tensor Read(string name) => Header.Entries.TryGetValue(name, out var entry)
        ? Copy(entry, Header.DataOffset + entry.Begin, [.. entry.Shape])
        : throw new PeftException($"{Header.Path}: tensor '{name}' is missing.");

    /// <summary>Every tensor by name; the caller disposes them.</summary>
    public Dictionary<string, Tensor> ReadAll()
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var name in Names)
            tensors.Add(name, Tensor(name));
        return tensors;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var mapping in mappings.Values)
            mapping.Dispose();
        mappings.Clear();
    }

    private Tensor Mapping(ScalarType dtype, int size)
    {
        if (mappings.TryGetValue(dtype, out var mapping))
            return mapping;
        mapping = from_file(Header.Path, shared: false, size: fileLength / size, dtype: dtype).DetachFromDisposeScope();
        mappings.Add(dtype, mapping);
        return mapping;
    }

    private Tensor Copy(SafetensorsEntry entry, long position, long[] shape)
    {
        var result = empty(shape, entry.DType);
        using var stream = File.OpenRead(Header.Path);
        stream.Position = position;
        using var flat = result.view(-1);
        const long slice = 64 << 20;
        for (var start = 0L; start < entry.Count; start += slice)
        {
            using var part = flat.narrow(0, start, Math.Min(slice, entry.Count - start));
            stream.ReadExactly(part.bytes);
        }

        return result;
    }
}
