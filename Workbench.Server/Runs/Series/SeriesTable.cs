using System.Runtime.InteropServices;

namespace Workbench.Server.Runs.Series;

/// <summary>
/// Columns of numbers as files: <c>&lt;table&gt;.&lt;column&gt;</c>, little-endian, nothing but values, so that a request reads the two columns
/// it needs and nothing else. How many rows count stands in the series' state; bytes behind them are leftovers.
/// </summary>
internal sealed class SeriesTable(string folder, string name, string[] doubles, string[] floats)
{
    private readonly List<double>[] _newDoubles = [.. doubles.Select(_ => new List<double>())];
    private readonly List<float>[] _newFloats = [.. floats.Select(_ => new List<float>())];

    /// <summary>Rows that count, those included that are not written yet.</summary>
    public int Count { get; private set; }

    private int Written => Count - _newDoubles[0].Count;

    public void Restore(int count) => Count = count;

    /// <summary>Do the files hold as many rows as are said to count?</summary>
    public bool Holds(int count) => count == 0
        || (doubles.All(column => Length(column) >= count * (long)sizeof(double)) && floats.All(column => Length(column) >= count * (long)sizeof(float)));

    public bool HasColumn(string column) => doubles.Contains(column) || floats.Contains(column);

    public void Add(ReadOnlySpan<double> wide, ReadOnlySpan<float> narrow)
    {
        for (var i = 0; i < wide.Length; i++)
            _newDoubles[i].Add(wide[i]);
        for (var i = 0; i < narrow.Length; i++)
            _newFloats[i].Add(narrow[i]);
        Count++;
    }

    /// <summary>Takes back the rows whose first column is larger than a value (what a resume supersedes).</summary>
    public void CutAfter(double value)
    {
        Flush();
        var first = ReadDoubles(doubles[0]);
        var keep = first.Length;
        while (keep > 0 && first[keep - 1] > value)
            keep--;
        Count = keep;
    }

    /// <summary>Writes the new rows behind those that count.</summary>
    public void Flush()
    {
        if (_newDoubles[0].Count == 0)
            return;
        var written = Written;
        for (var i = 0; i < doubles.Length; i++)
            Append(doubles[i], written * (long)sizeof(double), MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_newDoubles[i])));
        for (var i = 0; i < floats.Length; i++)
            Append(floats[i], written * (long)sizeof(float), MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_newFloats[i])));
        Array.ForEach(_newDoubles, column => column.Clear());
        Array.ForEach(_newFloats, column => column.Clear());
    }

    public double[] ReadDoubles(string column)
    {
        var values = new double[Count];
        Read(column, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    public float[] ReadFloats(string column)
    {
        var values = new float[Count];
        Read(column, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private void Append(string column, long at, ReadOnlySpan<byte> bytes)
    {
        using var file = new FileStream(PathOf(column), FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.Position = at;
        file.Write(bytes);
    }

    private void Read(string column, Span<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;
        using var file = new FileStream(PathOf(column), FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        file.ReadExactly(bytes);
    }

    private long Length(string column)
    {
        var file = new FileInfo(PathOf(column));
        return file.Exists ? file.Length : 0;
    }

    private string PathOf(string column) => Path.Combine(folder, $"{name}.{column}");
}
