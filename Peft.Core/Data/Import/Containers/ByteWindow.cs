namespace Peft.Core.Data.Import.Containers;

/// <summary>A window over a stream that grows until a row fits and moves on behind it, so that memory depends on the longest row and not on the file.</summary>
internal sealed class ByteWindow(Stream stream, int largest) : IDisposable
{
    private const int First = 1 << 20;

    private byte[] buffer = new byte[First];
    private int start;
    private int end;

    /// <summary>Whether everything was read into the window.</summary>
    public bool IsLast { get; private set; }

    /// <summary>Whether a row is longer than any row may be.</summary>
    public bool IsFull => end - start >= largest;

    /// <summary>What was read and not passed.</summary>
    public ReadOnlyMemory<byte> Bytes => buffer.AsMemory(start, end - start);

    /// <summary>Goes on behind some bytes.</summary>
    public void Pass(int count) => start += count;

    /// <summary>Reads more; false at the end of the stream.</summary>
    public bool More()
    {
        if (IsLast)
            return false;
        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
        }

        if (end == buffer.Length)
            Array.Resize(ref buffer, buffer.Length * 2);
        var read = stream.ReadAtLeast(buffer.AsSpan(end), 1, throwOnEndOfStream: false);
        end += read;
        IsLast = read == 0;
        return read > 0;
    }

    public void Dispose() => stream.Dispose();
}
