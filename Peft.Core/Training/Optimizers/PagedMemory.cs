using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>
/// Memory for moments beyond a budget: tensors over a file of their own in the temporary folder. After use their pages are handed back to
/// the kernel, which keeps or writes them as it has room; the next use reads them again. The files have no name left and vanish with the process.
/// </summary>
internal sealed partial class PagedMemory(long budget) : IDisposable
{
    // What bitsandbytes pages: smaller buffers cost more trouble than they take memory.
    private const long SmallestPaged = 100_000;
    private const int DontNeed = 4;

    private readonly HashSet<Tensor> mapped = new(ReferenceEqualityComparer.Instance);
    private long left = budget;

    /// <summary>How much lies in files, in bytes.</summary>
    public long PagedBytes { get; private set; }

    /// <summary>A tensor of zeros in memory while the budget lasts, else over a file; the caller disposes it.</summary>
    public Tensor Zeros(long[] shape, ScalarType dtype)
    {
        var count = shape.Aggregate(1L, (product, size) => product * size);
        var bytes = count * DTypes.Size(dtype);
        if (count < SmallestPaged || bytes <= left)
        {
            left -= bytes;
            return zeros(shape, dtype).DetachFromDisposeScope();
        }

        var path = Path.Combine(Path.GetTempPath(), $"peft-moments-{Guid.NewGuid():N}");
        try
        {
            using (var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
                file.SetLength(bytes);
            using var flat = from_file(path, shared: true, size: count, dtype: dtype);
            var tensor = flat.view(shape).DetachFromDisposeScope();
            mapped.Add(tensor);
            PagedBytes += bytes;
            return tensor;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: no room for paged optimizer state ({bytes:N0} bytes): {error.Message}", error);
        }
        finally
        {
            // The mapping outlives the name.
            File.Delete(path);
        }
    }

    /// <summary>Gives the pages of moments back, those that lie in files.</summary>
    public void Release(Moments moments)
    {
        foreach (var (_, tensor) in moments.Tensors)
        {
            if (mapped.Contains(tensor))
                GiveBack(tensor);
        }
    }

    /// <inheritdoc />
    public void Dispose() => mapped.Clear();

    private static unsafe void GiveBack(Tensor tensor)
    {
        if (!OperatingSystem.IsLinux())
            return;

        // Advice only: where it is refused the pages stay, and the numbers are the same. A file mapping begins at a page.
        var bytes = tensor.bytes;
        _ = Advise((nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(bytes)), (nuint)bytes.Length, DontNeed);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
