using System.Globalization;
using Workbench.Server.Jobs;

namespace Workbench.Server.Planning;

/// <summary>What this machine can compute with, found without loading the tensor library.</summary>
public sealed class Machine(WorkerLocator worker)
{
    /// <summary>Devices that a run may ask for.</summary>
    public IReadOnlyList<string> Devices()
    {
        var count = WorkerHasCuda() ? GpuCount() : 0;
        return count == 0 ? ["cpu"] : ["cpu", "cuda", .. Enumerable.Range(0, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"cuda:{i}"))];
    }

    /// <summary>Why a device cannot be used, or null when it can.</summary>
    public string? Refusal(string device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device != "cpu" && device != "cuda" && !device.StartsWith("cuda:", StringComparison.Ordinal))
            return $"device '{device}' is not known; known are cpu, cuda and cuda:N.";
        if (Devices().Contains(device))
            return null;
        if (GpuCount() == 0)
            return $"device '{device}' was asked for, but this machine has no NVIDIA GPU. Choose cpu.";
        return WorkerHasCuda()
            ? $"device '{device}' was asked for, but this machine has only {string.Join(", ", Devices())}."
            : $"device '{device}' was asked for, but the worker is built for the CPU. Build with -p:TorchBackend=cuda, or choose cpu.";
    }

    /// <summary>Name of the processor, for people.</summary>
    public static string Cpu()
    {
        const string info = "/proc/cpuinfo";
        var line = File.Exists(info) ? File.ReadLines(info).FirstOrDefault(text => text.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static int GpuCount()
    {
        const string gpus = "/proc/driver/nvidia/gpus";
        return Directory.Exists(gpus) ? Directory.GetDirectories(gpus).Length : 0;
    }

    private bool WorkerHasCuda() =>
        Path.GetDirectoryName(worker.Find()) is { } folder
        && (File.Exists(Path.Combine(folder, "libtorch_cuda.so")) || File.Exists(Path.Combine(folder, "runtimes", "linux-x64", "native", "libtorch_cuda.so")));
}
