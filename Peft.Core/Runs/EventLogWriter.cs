using System.Text.Json;

namespace Peft.Core.Runs;

/// <summary>
/// Appends to <c>events.jsonl</c>. Every line reaches the kernel before <see cref="Append{T}"/> returns, so a killed process loses nothing;
/// a line that a dying process left half-written is cut when the log is opened again. Sequence numbers go on over attempts.
/// The caller holds the <see cref="TrainerLock"/>.
/// </summary>
public sealed class EventLogWriter : IDisposable
{
    private readonly FileStream _file;
    private readonly TimeProvider _time;
    private readonly MemoryStream _line = new();
    private readonly Utf8JsonWriter _json;
    private readonly Lock _gate = new();

    private EventLogWriter(FileStream file, TimeProvider time, RunEvent? last, long cutBytes)
    {
        _file = file;
        _time = time;
        _json = new Utf8JsonWriter(_line, new JsonWriterOptions { Encoder = RunRequest.Json.Encoder });
        LastSeq = last?.Seq ?? 0;
        Attempt = (last?.Attempt ?? 0) + 1;
        CutBytes = cutBytes;
    }

    /// <summary>Number of the newest event.</summary>
    public long LastSeq { get; private set; }

    /// <summary>Which start of the trainer this is, from 1.</summary>
    public int Attempt { get; }

    /// <summary>Bytes of a torn last line that opening the log removed; worth an alert when it is not 0.</summary>
    public long CutBytes { get; }

    /// <summary>Opens the log for a new attempt.</summary>
    /// <exception cref="PeftException">The file cannot be opened or written.</exception>
    public static EventLogWriter Open(RunPaths paths, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(paths);
        FileStream? file = null;
        try
        {
            file = new FileStream(paths.Events, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
            var (end, last) = EventLogTail.Find(file);
            var torn = file.Length - end;
            if (torn > 0)
                file.SetLength(end);
            file.Position = end;
            return new EventLogWriter(file, time ?? TimeProvider.System, last, torn);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw AtomicFolder.Refused(paths.Events, e);
        }
    }

    /// <summary>Stamps the event with its number, the attempt and the time, and appends it as one line.</summary>
    /// <returns>The event as it was written.</returns>
    /// <exception cref="PeftException">The disk is full or refuses. The log keeps only whole lines and may be appended to again later.</exception>
    public T Append<T>(T what) where T : RunEvent
    {
        ArgumentNullException.ThrowIfNull(what);
        lock (_gate)
        {
            var stamped = what with { Seq = LastSeq + 1, Attempt = Attempt, Time = _time.GetUtcNow().ToUnixTimeMilliseconds() };
            _line.SetLength(0);
            _json.Reset();
            JsonSerializer.Serialize<RunEvent>(_json, stamped, RunRequest.Json);
            _json.Flush();
            _line.WriteByte((byte)'\n');
            var start = _file.Position;
            try
            {
                _file.Write(_line.GetBuffer(), 0, (int)_line.Length);
            }
            catch (Exception e) when (AtomicFolder.IsRefusal(e))
            {
                // Part of the line may have reached the disk: a log of whole lines is worth more than half an event.
                _file.SetLength(start);
                _file.Position = start;
                throw AtomicFolder.Refused(_file.Name, e);
            }

            LastSeq = stamped.Seq;
            return (T)stamped;
        }
    }

    /// <summary>Makes everything so far survive a power failure, too. Worth it at checkpoints and at the end, not at every step.</summary>
    public void Sync()
    {
        lock (_gate)
            _file.Flush(flushToDisk: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _json.Dispose();
        _line.Dispose();
        _file.Dispose();
    }
}
