using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>How rotary frequencies are stretched for long contexts (<c>rope_scaling</c>).</summary>
/// <param name="Type"><c>default</c>, <c>linear</c> or <c>llama3</c>.</param>
/// <param name="Factor">Stretch factor.</param>
/// <param name="LowFrequencyFactor">llama3: wavelengths above original / this are stretched in full.</param>
/// <param name="HighFrequencyFactor">llama3: wavelengths below original / this are left alone.</param>
/// <param name="OriginalMaxPositions">llama3: context length before stretching.</param>
public sealed record RopeScaling(string Type, double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalMaxPositions)
{
    /// <summary>No stretching.</summary>
    public static RopeScaling None { get; } = new("default", 1, 1, 1, 0);

    /// <summary>Reads <c>rope_scaling</c>; absent means none.</summary>
    /// <exception cref="PeftException">A type that is not supported.</exception>
    public static RopeScaling Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        if (reader.Object("rope_scaling") is not { } scaling)
            return None;
        var type = scaling.String("rope_type") ?? scaling.String("type") ?? "default";
        return type switch
        {
            "default" => None,
            "linear" => None with { Type = "linear", Factor = scaling.Number("factor", 1) },
            "llama3" => new RopeScaling(
                "llama3",
                scaling.Number("factor", 8),
                scaling.Number("low_freq_factor", 1),
                scaling.Number("high_freq_factor", 4),
                scaling.Size("original_max_position_embeddings", 8192)),
            _ => throw new PeftException($"{reader.Path}: rope_scaling of type '{type}' is not supported; supported are default, linear and llama3."),
        };
    }
}

/// <summary>
/// Rotary position embedding in the half-rotate layout: dimension d turns together with d + D/2 by position · θ^(−2d/D). The tables are
/// computed once and grow with the longest sequence seen. https://arxiv.org/abs/2104.09864
/// </summary>
public sealed class RotaryEmbedding : IDisposable
{
    private readonly float[] inverseFrequencies;
    private readonly ScalarType dtype;
    private readonly Device device;
    private Tensor? cosTable;
    private Tensor? sinTable;
    private long rows;

    internal RotaryEmbedding(int headDim, double theta, RopeScaling scaling, ScalarType dtype, Device device)
    {
        inverseFrequencies = Frequencies(headDim, theta, scaling);
        this.dtype = dtype;
        this.device = device;
    }

    /// <summary>Cosines and sines, each [T, 1, D/2], for the positions start … start + length − 1. The caller disposes both.</summary>
    public (Tensor Cos, Tensor Sin) Range(long start, long length)
    {
        Grow(start + length);
        return (cosTable!.narrow(0, start, length), sinTable!.narrow(0, start, length));
    }

    /// <summary>Cosines and sines, each [N, 1, D/2], for a position per row. <paramref name="largest"/> bounds them.</summary>
    public (Tensor Cos, Tensor Sin) At(Tensor positions, long largest)
    {
        Grow(largest + 1);
        return (cosTable!.index_select(0, positions), sinTable!.index_select(0, positions));
    }

    /// <summary>
    /// Turns x [B, T, H, D] by tables that broadcast to [B, T, 1, R/2]; dimensions from R on are left alone.
    /// </summary>
    /// <param name="x">Queries or keys.</param>
    /// <param name="cos">Cosines.</param>
    /// <param name="sin">Sines.</param>
    /// <param name="interleaved">Whether neighbours (2d, 2d + 1) turn together (GPT-J, GLM) rather than (d, d + R/2).</param>
    public static Tensor Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(cos);
        var (width, rotated) = (x.shape[^1], 2 * cos.shape[^1]);
        if (rotated < width)
            return cat([Rotate(x.narrow(-1, 0, rotated), cos, sin, interleaved), x.narrow(-1, rotated, width - rotated)], -1);
        if (interleaved)
        {
            var shape = x.shape;
            var pairs = x.reshape([.. shape[..^1], rotated / 2, 2]).unbind(-1);
            return stack([(pairs[0] * cos).sub_(pairs[1] * sin), (pairs[1] * cos).add_(pairs[0] * sin)], -1).view(shape);
        }

        var halves = x.chunk(2, -1);
        var first = (halves[0] * cos).sub_(halves[1] * sin);
        var second = (halves[1] * cos).add_(halves[0] * sin);
        return cat([first, second], -1);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        cosTable?.Dispose();
        sinTable?.Dispose();
        cosTable = sinTable = null;
        rows = 0;
    }

    private void Grow(long needed)
    {
        if (needed <= rows)
            return;
        rows = Math.Max(needed, Math.Max(256, rows * 2));
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var positions = arange(rows, ScalarType.Float32).unsqueeze(1);
        var angles = (positions * tensor(inverseFrequencies).unsqueeze(0)).unsqueeze(1); // [rows, 1, D/2]
        var (cos, sin) = (angles.cos().to(dtype, device), angles.sin().to(dtype, device));
        cosTable?.Dispose();
        sinTable?.Dispose();
        cosTable = cos.DetachFromDisposeScope();
        sinTable = sin.DetachFromDisposeScope();
    }

    private static float[] Frequencies(int headDim, double theta, RopeScaling scaling)
    {
        var frequencies = new float[headDim / 2];
        for (var i = 0; i < frequencies.Length; i++)
        {
            // fp32 at every step, as the reference computes it.
            var plain = 1f / MathF.Pow((float)theta, 2f * i / headDim);
            frequencies[i] = scaling.Type switch
            {
                "linear" => plain / (float)scaling.Factor,
                "llama3" => Llama3(plain, scaling),
                _ => plain,
            };
        }

        return frequencies;
    }

    private static float Llama3(float frequency, RopeScaling scaling)
    {
        var wavelength = 2 * Math.PI / frequency;
        if (wavelength < scaling.OriginalMaxPositions / scaling.HighFrequencyFactor)
            return frequency;
        if (wavelength > scaling.OriginalMaxPositions / scaling.LowFrequencyFactor)
            return (float)(frequency / scaling.Factor);
        var smooth = ((scaling.OriginalMaxPositions / wavelength) - scaling.LowFrequencyFactor)
            / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return (float)(((1 - smooth) * frequency / scaling.Factor) + (smooth * frequency));
    }
}
