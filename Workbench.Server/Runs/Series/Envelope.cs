using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Workbench.Server.Runs.Series;

/// <summary>The points of a visible range: as they are when they are few, else buckets with mean, smallest and largest value, so that a spike of one step stays.</summary>
internal sealed class Envelope
{
    private const int MinMaxFlag = 1;
    private readonly double[] _x;
    private readonly float[] _mean;
    private readonly float[] _min;
    private readonly float[] _max;
    private readonly int _flags;

    private Envelope(int count, int flags)
    {
        _x = new double[count];
        _mean = new float[count];
        _min = new float[count];
        _max = new float[count];
        _flags = flags;
    }

    /// <param name="x">Ascending positions.</param>
    /// <param name="y">Values; NaN where there is none.</param>
    /// <param name="from">Left end of the visible range; one point further left is kept so that the line enters the picture.</param>
    /// <param name="to">Right end, likewise.</param>
    /// <param name="points">At most so many buckets.</param>
    public static Envelope Of(ReadOnlySpan<double> x, ReadOnlySpan<float> y, double from, double to, int points)
    {
        var first = Math.Max(0, LowerBound(x, from) - 1);
        var end = Math.Min(x.Length, LowerBound(x, Math.BitIncrement(to)) + 1);
        var count = Math.Max(0, end - first);
        if (count <= points)
            return Raw(x.Slice(first, count), y.Slice(first, count));
        var envelope = new Envelope(points, MinMaxFlag);
        for (var bucket = 0; bucket < points; bucket++)
        {
            var start = first + (int)((long)count * bucket / points);
            var stop = first + (int)((long)count * (bucket + 1) / points);
            envelope.Fill(bucket, x[start], y[start..stop]);
        }

        return envelope;
    }

    /// <summary>The layout of <see cref="Client.Contracts.SeriesFormat"/>.</summary>
    public byte[] ToBytes(long lastSeq)
    {
        var bytes = new byte[8 + (_x.Length * (sizeof(double) + (3 * sizeof(float)))) + 8];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, _x.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), _flags);
        var at = 8;
        Copy(MemoryMarshal.AsBytes(_x.AsSpan()));
        Copy(MemoryMarshal.AsBytes(_mean.AsSpan()));
        Copy(MemoryMarshal.AsBytes(_min.AsSpan()));
        Copy(MemoryMarshal.AsBytes(_max.AsSpan()));
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), lastSeq);
        return bytes;

        void Copy(ReadOnlySpan<byte> column)
        {
            column.CopyTo(bytes.AsSpan(at));
            at += column.Length;
        }
    }

    private static Envelope Raw(ReadOnlySpan<double> x, ReadOnlySpan<float> y)
    {
        var envelope = new Envelope(x.Length, flags: 0);
        x.CopyTo(envelope._x);
        y.CopyTo(envelope._mean);
        y.CopyTo(envelope._min);
        y.CopyTo(envelope._max);
        return envelope;
    }

    private void Fill(int bucket, double x, ReadOnlySpan<float> values)
    {
        float min = float.PositiveInfinity, max = float.NegativeInfinity;
        double sum = 0;
        var counted = 0;
        foreach (var value in values)
        {
            if (float.IsNaN(value))
                continue;
            min = Math.Min(min, value);
            max = Math.Max(max, value);
            sum += value;
            counted++;
        }

        _x[bucket] = x;
        _mean[bucket] = counted > 0 ? (float)(sum / counted) : float.NaN;
        _min[bucket] = counted > 0 ? min : float.NaN;
        _max[bucket] = counted > 0 ? max : float.NaN;
    }

    /// <summary>Index of the first value that is not smaller.</summary>
    private static int LowerBound(ReadOnlySpan<double> x, double value)
    {
        int low = 0, high = x.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (x[middle] < value)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
