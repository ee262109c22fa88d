using System.Text.Json;

namespace Peft.Core.Runs;

/// <summary>One whole line of a log: its number, and the JSON without the newline.</summary>
/// <param name="Seq">The event's number.</param>
/// <param name="Json">UTF-8 JSON.</param>
public readonly record struct EventLine(long Seq, ReadOnlyMemory<byte> Json)
{
    /// <summary>The event, or null when it is of a kind that this program does not know (a newer trainer wrote it).</summary>
    public RunEvent? Parse()
    {
        try
        {
            return JsonSerializer.Deserialize<RunEvent>(Json.Span, RunRequest.Json);
        }
        catch (JsonException)
        {
            return null;
        }
        catch (NotSupportedException)
        {
            return null;
        }
    }
}

/// <summary>
/// Reads a log that a trainer may be appending to. Each call returns the whole lines that are new since the last call, in order; a line
/// that is still being written is left for the next call. Not thread-safe.
/// </summary>
public sealed class EventLogReader
{
    /// <summary>Below the size from which .NET keeps arrays on the heap that is rarely cleaned: a long log must not leave hundreds of megabytes behind.</summary>
    private const int MaxChunk = 64 * 1024;
    private readonly string _path;
    private readonly long _afterSeq;
    private long _offset;

    /// <summary>A reader that returns events after the given number.</summary>
    /// <param name="paths">The run.</param>
    /// <param name="afterSeq">Number of the last event the caller has; 0 for all.</param>
    /// <param name="offset">Where to begin, for a caller that knows a <see cref="Offset"/> from before.</param>
    public EventLogReader(RunPaths paths, long afterSeq = 0, long offset = 0)
    {
        ArgumentNullException.ThrowIfNull(paths);
        _path = paths.Events;
        _afterSeq = afterSeq;
        _offset = offset;
        LastSeq = afterSeq;
    }

    /// <summary>Number of the newest event returned (or the number the reader began with).</summary>
    public long LastSeq { get; private set; }

    /// <summary>Byte position after the last line read.</summary>
    public long Offset => _offset;

    /// <summary>Everything that is new, possibly nothing. At most 64 KB at once (unless one event is longer); call again until it is empty to catch up.</summary>
    /// <exception cref="PeftException">The file cannot be read.</exception>
    public IReadOnlyList<EventLine> ReadNew()
    {
        try
        {
            using var file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            var length = file.Length;
            if (length < _offset)
                _offset = 0; // The log was cut behind an unreadable line: numbers, not positions, say what is known.
            if (length == _offset)
                return [];
            return ReadFrom(file, length);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PeftException($"{_path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>All events of a finished or running log that this program knows, in order.</summary>
    public static IEnumerable<RunEvent> ReadAll(RunPaths paths, long afterSeq = 0)
    {
        var reader = new EventLogReader(paths, afterSeq);
        for (var lines = reader.ReadNew(); lines.Count > 0; lines = reader.ReadNew())
        {
            foreach (var line in lines)
            {
                if (line.Parse() is { } parsed)
                    yield return parsed;
            }
        }
    }

    private List<EventLine> ReadFrom(FileStream file, long length)
    {
        var lines = new List<EventLine>();
        for (var size = Math.Min(length - _offset, MaxChunk); ; size = Math.Min(length - _offset, size * 2))
        {
            var bytes = new byte[size];
            file.Position = _offset;
            var read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            var consumed = Split(bytes.AsMemory(0, read), lines);
            _offset += consumed;
            // One event larger than the window: look again with a larger one, unless all there is has been seen.
            if (lines.Count > 0 || size == length - _offset + consumed)
                return lines;
        }
    }

    private int Split(ReadOnlyMemory<byte> bytes, List<EventLine> lines)
    {
        var consumed = 0;
        while (true)
        {
            var newline = bytes.Span[consumed..].IndexOf((byte)'\n');
            if (newline < 0)
                return consumed;
            var line = bytes.Slice(consumed, newline);
            consumed += newline + 1;
            // An unreadable line is being cut by a trainer that is about to go on, or belongs to nobody: it has no number, so nobody misses it.
            if (ReadSeq(line.Span) is { } seq && seq > LastSeq)
            {
                LastSeq = seq;
                lines.Add(new EventLine(seq, line));
            }
        }
    }

    /// <summary>The number of a line without building the event: it stands among the first properties.</summary>
    private static long? ReadSeq(ReadOnlySpan<byte> line)
    {
        try
        {
            var json = new Utf8JsonReader(line);
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName && json.CurrentDepth == 1 && json.ValueTextEquals("seq"u8))
                    return json.Read() && json.TryGetInt64(out var seq) ? seq : null;
            }

            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
