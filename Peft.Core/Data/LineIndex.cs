using System.Buffers;
using System.Security.Cryptography;

namespace Peft.Core.Data;

/// <summary>
/// Where the lines of a file stand, without holding the file: every 64th place is remembered, the lines between are counted when one is
/// read. Blank lines do not count. Thread-safe.
/// </summary>
public sealed class LineIndex : IDisposable
{
    private const int Every = 64;
    private const int Piece = 1 << 20;
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle handle;
    private readonly List<(long Offset, int Line)> places = [];
    private readonly long length;

    private LineIndex(string path, Microsoft.Win32.SafeHandles.SafeFileHandle handle)
    {
        Path = path;
        this.handle = handle;
        length = RandomAccess.GetLength(handle);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Lines that are not blank.</summary>
    public int Count { get; private set; }

    /// <summary>SHA-256 of the file's bytes, lower-case hexadecimal.</summary>
    public string Hash { get; private set; } = "";

    /// <summary>Goes through a file once.</summary>
    /// <param name="path">A file with one record a line.</param>
    /// <param name="progress">Told the bytes done and all bytes, now and then.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <exception cref="PeftException">It cannot be read.</exception>
    public static LineIndex Build(string path, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        try
        {
            var index = new LineIndex(path, File.OpenHandle(path, options: FileOptions.SequentialScan));
            index.Scan(progress, cancellation);
            return index;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{path}: the dataset file cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A line and its number in the file, from 1.</summary>
    /// <param name="number">Which of the lines that are not blank, from 0.</param>
    /// <exception cref="PeftException">It cannot be read, or the file has become shorter.</exception>
    public (byte[] Utf8, int Line) Read(int number)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)number, (uint)Count, nameof(number));
        var (offset, line) = places[number / Every];
        var skip = number % Every;
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            var (filled, start) = (0, 0);
            while (true)
            {
                var end = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n');
                if (end < 0 && offset + filled < length)
                {
                    // The line goes on: what is left moves to the front, and the buffer grows where one line fills it.
                    buffer.AsSpan(start, filled - start).CopyTo(buffer);
                    (offset, filled, start) = (offset + start, filled - start, 0);
                    if (filled == buffer.Length)
                        buffer = Larger(buffer, filled);
                    var read = RandomAccess.Read(handle, buffer.AsSpan(filled), offset + filled);
                    if (read == 0)
                        throw new PeftException($"{Path}: the file has become shorter while it was being read. Start the run again.");
                    filled += read;
                    continue;
                }

                var text = buffer.AsSpan(start, end < 0 ? filled - start : end);
                if (!IsBlank(text) && skip-- == 0)
                    return (text.ToArray(), line);
                start += text.Length + 1;
                line++;
            }
        }
        catch (IOException e)
        {
            throw new PeftException($"{Path}: the dataset file cannot be read: {e.Message}", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <inheritdoc />
    public void Dispose() => handle.Dispose();

    private static byte[] Larger(byte[] buffer, int filled)
    {
        var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.AsSpan(0, filled).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    private static bool IsBlank(ReadOnlySpan<byte> line) => line.IndexOfAnyExcept(" \t\r"u8) < 0;

    private void Scan(Action<long, long>? progress, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[Piece];
        var (at, line, lineStart, blank) = (0L, 1, 0L, true);
        while (RandomAccess.Read(handle, buffer, at) is > 0 and var read)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
            var piece = buffer.AsSpan(0, read);
            if (at == 0 && piece.StartsWith("\uFEFF"u8))
                lineStart = 3;
            for (var start = (int)Math.Max(0, lineStart - at); start <= read;)
            {
                var end = start < read ? piece[start..].IndexOf((byte)'\n') : -1;
                var text = piece[Math.Min(start, read)..(end < 0 ? read : start + end)];
                blank = blank && IsBlank(text);
                if (end < 0)
                    break;
                Close();
                start += end + 1;
                lineStart = at + start;
                line++;
                blank = true;
            }

            at += read;
            progress?.Invoke(at, length);
        }

        Close();
        Hash = Convert.ToHexStringLower(hash.GetHashAndReset());

        void Close()
        {
            if (blank)
                return;
            if (Count % Every == 0)
                places.Add((lineStart, line));
            Count++;
        }
    }
}
