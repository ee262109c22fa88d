using System.Globalization;

namespace Peft.Core.Runtime;

/// <summary>Memory of this process as the kernel counts it.</summary>
public static class ProcessMemory
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
}
