using System.Diagnostics;
using System.Globalization;
using static TorchSharp.torch;

namespace Peft.Bench;

/// <summary>What this machine's matrix multiplication reaches right now, in GFLOP/s per element type: the yardstick for a training step.</summary>
internal sealed record GemmCalibration(double Float32, double BFloat16)
{
    public static GemmCalibration Run() => new(Measure(ScalarType.Float32), Measure(ScalarType.BFloat16));

    public double For(ScalarType dtype) => dtype == ScalarType.BFloat16 ? BFloat16 : Float32;

    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"GEMM 2048 x 1024 x 1024: float32 {Float32:F0} GFLOP/s, bfloat16 {BFloat16:F0} GFLOP/s");

    /// <summary>That of one element type on a device, in GFLOP/s.</summary>
    public static double Of(ScalarType dtype, Device device) => Measure(dtype, device);

    private static double Measure(ScalarType dtype, Device? device = null)
    {
        const int m = 2048, k = 1024, n = 1024, repeats = 5;
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var a = randn([m, k]).to(dtype).to(device ?? CPU);
        var b = randn([n, k]).to(dtype).to(device ?? CPU);
        var best = double.MaxValue;
        for (var i = 0; i < repeats + 2; i++)
        {
            var start = Stopwatch.GetTimestamp();
            using var c = nn.functional.linear(a, b);
            if (device is not null && device.type != TorchSharp.DeviceType.CPU)
                cuda.synchronize(device);
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (i >= 2)
                best = Math.Min(best, seconds);
        }

        return 2.0 * m * k * n / best / 1e9;
    }
}
