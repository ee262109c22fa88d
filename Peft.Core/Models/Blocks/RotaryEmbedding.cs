using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Rotary position embedding: a pair of dimensions turns by position · θ^(−2d/D). The tables are computed once and grow with the longest
/// sequence seen. https://arxiv.org/abs/2104.09864
/// </summary>
public sealed class RotaryEmbedding : IDisposable
{
    private readonly int dimensions;
    private readonly double theta;
    private readonly RopeScaling scaling;
    private readonly ScalarType dtype;
    private readonly Device device;
    private readonly bool halfPrecision;
    private Tensor? cosTable;
    private Tensor? sinTable;
    private long rows;
    private long variant = -1;

    internal RotaryEmbedding(int dimensions, double theta, RopeScaling scaling, ScalarType dtype, Device device, bool halfPrecision = false)
    {
        this.halfPrecision = halfPrecision;
        this.dimensions = dimensions;
        this.theta = theta;
        this.scaling = scaling;
        this.dtype = dtype;
        this.device = device;
    }

    /// <summary>Cosines and sines, each [T, 1, D/2], for the positions start … start + length − 1. The caller disposes both.</summary>
    public (Tensor Cos, Tensor Sin) Range(long start, long length)
    {
        Grow(start + length, start + length);
        return (cosTable!.narrow(0, start, length), sinTable!.narrow(0, start, length));
    }

    /// <summary>Cosines and sines, each [N, 1, D/2], for a position per row.</summary>
    /// <param name="positions">The positions [N].</param>
    /// <param name="largest">All of them are below it.</param>
    /// <param name="length">Length of the text, where tables depend on it; null is <paramref name="largest"/>.</param>
    public (Tensor Cos, Tensor Sin) At(Tensor positions, long largest, long? length = null)
    {
        Grow(largest, length ?? largest);
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

    private void Grow(long needed, long length)
    {
        var wanted = !scaling.DependsOnLength ? 0 : scaling.Type == "longrope" ? (length > scaling.OriginalMaxPositions ? 1 : 0) : Math.Max(length, scaling.OriginalMaxPositions);
        if (needed <= rows && wanted == variant)
            return;
        variant = wanted;
        rows = Math.Max(needed, Math.Max(256, rows * 2));
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var frequencies = tensor(RotaryFrequencies.Of(dimensions, theta, scaling, length));
        if (halfPrecision)
            frequencies = frequencies.to(ScalarType.Float16).to(ScalarType.Float32);
        var angles = (arange(rows, ScalarType.Float32).unsqueeze(1) * frequencies.unsqueeze(0)).unsqueeze(1); // [rows, 1, D/2]
        var (cos, sin) = (angles.cos() * scaling.AttentionFactor, angles.sin() * scaling.AttentionFactor);
        cosTable?.Dispose();
        sinTable?.Dispose();
        cosTable = cos.to(dtype, device).DetachFromDisposeScope();
        sinTable = sin.to(dtype, device).DetachFromDisposeScope();
    }
}
