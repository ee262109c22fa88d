using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Peft.Core.Runtime;

/// <summary>
/// The one place that touches process-wide settings of the tensor library: loading it, threads, memory, devices. Programs call
/// <see cref="Initialize"/> before their first tensor.
/// </summary>
public static partial class TorchRuntime
{
    private static readonly Lock Gate = new();
    private static bool loaded;

    /// <summary>
    /// True where the processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX), so that a bf16 base is about twice as fast as
    /// fp32; elsewhere bf16 is emulated and slower.
    /// </summary>
    public static bool CpuBFloat16IsFast { get; } = DetectBFloat16();

    /// <summary>Threads the tensor library computes with.</summary>
    public static int Threads => torch.get_num_threads();

    /// <summary>
    /// Loads the native library, checks that it works and sets the number of threads. May be called again (a new number of threads wins).
    /// </summary>
    /// <param name="threads">Threads per operation; 0 means one per core.</param>
    /// <exception cref="PeftException">The native library is missing or cannot be loaded on this system.</exception>
    public static void Initialize(int threads = 0)
    {
        EnsureLoaded();
        torch.set_num_threads(threads > 0 ? threads : Environment.ProcessorCount);
    }

    /// <summary>Loads the native library and checks that it works, leaving the number of threads as it is.</summary>
    /// <exception cref="PeftException">The native library is missing or cannot be loaded on this system.</exception>
    public static void EnsureLoaded()
    {
        lock (Gate)
        {
            if (loaded)
                return;
            KeepFreedMemory();
            WaitWithoutSpinning();
            Load();
            loaded = true;
        }
    }

    /// <summary>Turns <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c> into a device that is really there.</summary>
    /// <exception cref="PeftException">The name is unknown or this build or machine has no such device.</exception>
    public static torch.Device ResolveDevice(string device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var name = device.Trim().ToLowerInvariant();
        if (name is "cpu" or "")
        {
            EnsureLoaded();
            return torch.CPU;
        }

        var isCuda = name == "cuda" || name.StartsWith("cuda:", StringComparison.Ordinal);
        var index = 0;
        if (!isCuda || (name.Length > 5 && !int.TryParse(name.AsSpan(5), out index)) || index < 0)
            throw new PeftException($"Unknown device '{device}': use cpu, cuda or cuda:N.");
        EnsureLoaded();
        if (!torch.cuda.is_available())
        {
            throw new PeftException(
                $"Device '{device}' was asked for, but no CUDA device is available here. Choose cpu, or build with -p:TorchBackend=cuda on a machine with an NVIDIA driver.");
        }

        var count = torch.cuda.device_count();
        return index < count
            ? torch.device(DeviceType.CUDA, index)
            : throw new PeftException($"Device '{device}' was asked for, but this machine has {count} CUDA device(s), numbered from 0.");
    }

    private static void Load()
    {
        try
        {
            using var probe = torch.ones(1);
            _ = probe.item<float>();
        }
        catch (Exception error) when (error is TypeInitializationException or NotSupportedException or DllNotFoundException or BadImageFormatException)
        {
            var reason = error.GetBaseException().Message;
            throw new PeftException(
                "The native tensor library (libtorch) cannot be loaded. It is part of the build output of the command-line tools "
                + $"(runtimes/{RuntimeInformation.RuntimeIdentifier}/native); rebuild them, and on a system other than linux-x64 add the matching libtorch package. Cause: {reason}",
                error);
        }
    }

    /// <summary>
    /// A training step frees and asks for the same megabytes again and again. By default glibc gives them back to the kernel each time
    /// and pays a page fault per 4 KiB to have them again; this keeps them in the process. Without effect on other C libraries.
    /// </summary>
    private static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux())
            return;
        SetHeap(ownMappingFrom: 1 << 30, trimFrom: int.MaxValue);
    }

    /// <summary>
    /// From now on every larger piece of memory goes back to the kernel when it is freed, instead of leaving a hole in the heap that the next
    /// piece does not fit into: for bases that are kept in 4 bits because memory is short. It costs time: pages have to be
    /// had anew. With a 0.5B base and 256 tokens a threshold of 200,000 bytes took the peak from 1,206 to 1,010 MiB and the processor time of a step
    /// from 17.3 to 18.3 s (one run each on a busy machine; the value here was not measured by itself). Holds for the whole process.
    /// </summary>
    internal static void PreferLittleMemory()
    {
        if (OperatingSystem.IsLinux())
            SetHeap(ownMappingFrom: 256 << 10, trimFrom: 16 << 20);
    }

    private static void SetHeap(int ownMappingFrom, int trimFrom)
    {
        const int trimThreshold = -1, mmapThreshold = -3;
        try
        {
            _ = MallocOption(mmapThreshold, ownMappingFrom);
            _ = MallocOption(trimThreshold, trimFrom);
        }
        catch (EntryPointNotFoundException)
        {
            // musl and other C libraries have no such option and no such habit.
        }
    }

    /// <summary>
    /// Between two operations the library's helper threads spin while they wait. Beside a server and a browser on the same cores that
    /// steals the time the computing thread needs (measured: four times the processor time per step), so they sleep soon instead. A value
    /// in the environment wins. The C library's environment has to be changed before the thread library is loaded; .NET's own copy is not seen by it.
    /// </summary>
    private static void WaitWithoutSpinning()
    {
        if (OperatingSystem.IsLinux())
            _ = SetEnvironment("GOMP_SPINCOUNT", "1000", 0);
    }

    private static bool DetectBFloat16()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 7)
            return false;
        var avx512Bf16 = ((X86Base.CpuId(7, 1).Eax >> 5) & 1) == 1 && Avx512F.IsSupported;
        var amxBf16 = ((X86Base.CpuId(7, 0).Edx >> 22) & 1) == 1;
        return avx512Bf16 || amxBf16;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallocOption(int option, int value);
}
