using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Serialization;

/// <summary>
/// A safetensors file whose tensors are views of the memory-mapped file: nothing is read before it is used, and several processes on the
/// same file share its pages. The mapping is private: writing to a tensor copies the page and never changes the file. Not thread-safe.
/// </summary>
public sealed class SafetensorsFile : IWeightFile
{
    private readonly MappedFile mapped;
    private Dictionary<string, StoredTensor>? stored;

    private SafetensorsFile(SafetensorsHeader header)
    {
        Header = header;
        mapped = new MappedFile(header.Path);
    }

    /// <summary>The validated header.</summary>
    public SafetensorsHeader Header { get; }

    /// <inheritdoc />
    public string Path => Header.Path;

    /// <inheritdoc />
    public IReadOnlyDictionary<string, StoredTensor> Stored => stored ??= Header.Entries.Values.ToDictionary(
        e => e.Name, e => new StoredTensor(e.Name, e.DType, e.Shape, e.Bytes, DTypes.Code(e.DType)), StringComparer.Ordinal);

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
        using var flat = mapped.View(entry.DType, Header.DataOffset + entry.Begin, entry.Count);
        return flat.view(shape);
    }

    /// <summary>A copy of the tensor, read from the file: it keeps no page of the file mapped. The caller disposes it.</summary>
    /// <exception cref="PeftException">No such tensor.</exception>
    public Tensor Read(string name)
    {
        if (!Header.Entries.TryGetValue(name, out var entry))
            throw new PeftException($"{Header.Path}: tensor '{name}' is missing.");
        using var flat = mapped.Read(entry.DType, Header.DataOffset + entry.Begin, entry.Count);
        return flat.view([.. entry.Shape]);
    }

    /// <summary>Every tensor by name; the caller disposes them.</summary>
    public Dictionary<string, Tensor> ReadAll()
    {
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var name in Names)
            tensors.Add(name, Tensor(name));
        return tensors;
    }

    /// <inheritdoc />
    public void Forget() => mapped.Forget();

    /// <inheritdoc />
    public void Dispose() => mapped.Dispose();
}
