using System.Numerics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Peft.Core.Training.Optimizers;

/// <summary>The numbers of one update, rounded to float32 once as PyTorch's kernels do.</summary>
internal readonly record struct AdamWFactors(
    float Gradient, float OneMinusBeta1, float Beta2, float OneMinusBeta2, float RootCorrection2, float Epsilon, float StepSize);

/// <summary>AdamW over plain memory. The order of operations is fixed, so that the same inputs give the same bits on the same machine.</summary>
internal static class AdamWKernel
{
    /// <summary>The elements of a contiguous float32 tensor on the CPU, in place.</summary>
    public static Span<float> Values(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    /// <summary>Σ x², accumulated in float64.</summary>
    public static double SquaredNorm(ReadOnlySpan<float> values)
    {
        var lanes = MemoryMarshal.Cast<float, Vector<float>>(values);
        var (low, high) = (Vector<double>.Zero, Vector<double>.Zero);
        foreach (var lane in lanes)
        {
            Vector.Widen(lane, out var a, out var b);
            low += a * a;
            high += b * b;
        }

        var sum = Vector.Sum(low + high);
        for (var i = lanes.Length * Vector<float>.Count; i < values.Length; i++)
            sum += (double)values[i] * values[i];
        return sum;
    }

    /// <summary>Updates weights and moments of one tensor and clears its gradient.</summary>
    public static void Update(Span<float> weights, Span<float> gradients, Span<float> means, Span<float> squares, AdamWFactors f, float decay)
    {
        var w = MemoryMarshal.Cast<float, Vector<float>>(weights);
        var g = MemoryMarshal.Cast<float, Vector<float>>(gradients)[..w.Length];
        var m = MemoryMarshal.Cast<float, Vector<float>>(means)[..w.Length];
        var v = MemoryMarshal.Cast<float, Vector<float>>(squares)[..w.Length];
        for (var i = 0; i < w.Length; i++)
        {
            var gradient = g[i] * f.Gradient;
            var mean = m[i] + ((gradient - m[i]) * f.OneMinusBeta1);
            var square = (v[i] * f.Beta2) + (gradient * gradient * f.OneMinusBeta2);
            var denominator = (Vector.SquareRoot(square) / new Vector<float>(f.RootCorrection2)) + new Vector<float>(f.Epsilon);
            w[i] = (w[i] * decay) - (mean / denominator * f.StepSize);
            m[i] = mean;
            v[i] = square;
            g[i] = Vector<float>.Zero;
        }

        for (var i = w.Length * Vector<float>.Count; i < weights.Length; i++)
        {
            var gradient = gradients[i] * f.Gradient;
            var mean = means[i] + ((gradient - means[i]) * f.OneMinusBeta1);
            var square = (squares[i] * f.Beta2) + (gradient * gradient * f.OneMinusBeta2);
            weights[i] = (weights[i] * decay) - (mean / ((MathF.Sqrt(square) / f.RootCorrection2) + f.Epsilon) * f.StepSize);
            means[i] = mean;
            squares[i] = square;
            gradients[i] = 0;
        }
    }
}
