using Peft.Core.Runtime;
using Peft.Core.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Serialization;

/// <summary>
/// A file mapped into memory, of which stretches are handed out as tensors. The mapping is private: writing to a tensor copies the page and
/// never changes the file. Not thread-safe.
/// </summary>
internal sealed class MappedFile(string path) : IDisposable
{
    // One mapping per element type, since a mapping cannot start at an offset: position p of the file is element p / size.
    private readonly Dictionary<ScalarType, Tensor> mappings = [];
    private readonly long length = new FileInfo(path).Length;

    /// <summary>
    /// The elements from a position on as a flat view of the file (a copy where the position is no multiple of their size). The caller has
    /// made sure that the file holds them, and disposes the handle; the view stays valid after this object is disposed.
    /// </summary>
    public Tensor View(ScalarType dtype, long position, long count)
    {
        if (count == 0)
            return zeros([0], dtype);
        var size = DTypes.Size(dtype);
        return position % size == 0 ? Mapping(dtype, size).narrow(0, position / size, count) : Read(dtype, position, count);
    }

    /// <summary>The same as a flat copy in memory, which keeps no page of the file mapped.</summary>
    public Tensor Read(ScalarType dtype, long position, long count)
    {
        var flat = empty([count], dtype);
        using var stream = File.OpenRead(path);
        stream.Position = position;
        const long slice = 64 << 20;
        for (var start = 0L; start < count; start += slice)
        {
            using var part = flat.narrow(0, start, Math.Min(slice, count - start));
            stream.ReadExactly(part.bytes);
        }

        return flat;
    }

    /// <summary>
    /// Gives the pages that were read so far back to the system, which reads them again when they are needed: what was only looked at in
    /// passing does not count as this process's memory. Must not be called once somebody wrote to a view.
    /// </summary>
    public void Forget()
    {
        foreach (var mapping in mappings.Values)
        {
            using var first = mapping.narrow(0, 0, 1);
            ProcessMemory.ForgetMapping(first, length);
        }
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
        mapping = from_file(path, shared: false, size: length / size, dtype: dtype).DetachFromDisposeScope();
        mappings.Add(dtype, mapping);
        return mapping;
    }
}
