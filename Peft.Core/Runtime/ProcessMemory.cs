using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Peft.Core.Runtime;

/// <summary>Memory of this process as the kernel counts it.</summary>
public static partial class ProcessMemory
{
    /// <summary>Resident memory in bytes.</summary>
    public static long Resident => Environment.WorkingSet;

    /// <summary>Highest resident memory so far in bytes; the current one where the kernel does not say.</summary>
    public static long Peak
    {
        get
        {
            const string status = "/proc/self/status";
            if (File.Exists(status))
            {
                foreach (var line in File.ReadLines(status))
                {
                    if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                        return long.Parse(line.AsSpan(6, line.Length - 6 - 3).Trim(), CultureInfo.InvariantCulture) * 1024;
                }
            }

            return Resident;
        }
    }

    /// <summary>
    /// Gives the pages of a private mapping of a file back to the system (<c>madvise</c>); they are read again when they are needed. Only for
    /// mappings of files that nobody wrote to: changed pages would be lost. Without effect on other systems than Linux.
    /// </summary>
    /// <param name="start">A view of the first element of the mapping.</param>
    /// <param name="length">Bytes.</param>
    internal static unsafe void ForgetMapping(torch.Tensor start, long length)
    {
        if (!OperatingSystem.IsLinux())
            return;
        const int dontNeed = 4;
        var address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(start.bytes));
        var page = (nuint)Environment.SystemPageSize;
        if (address % page == 0)
            _ = Advise(address, (nuint)length, dontNeed);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nuint address, nuint length, int advice);
}
