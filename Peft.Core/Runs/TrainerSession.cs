namespace Peft.Core.Runs;

/// <summary>
/// A trainer's hold on its run directory from start to end: the lock, the log of this attempt, and the commands. Opening it refuses a
/// second trainer, cuts a torn line, removes half-written folders, and drops commands that an earlier trainer did not live to read.
/// </summary>
public sealed class TrainerSession : IDisposable
{
    private readonly TrainerLock _lock;
    private readonly ControlFolder _control;

    private TrainerSession(TrainerLock held, RunPaths paths, RunRequest request, EventLogWriter log)
    {
        _lock = held;
        _control = new ControlFolder(paths.Control);
        Paths = paths;
        Request = request;
        Log = log;
    }

    /// <summary>Where everything of the run lies.</summary>
    public RunPaths Paths { get; }

    /// <summary>The order.</summary>
    public RunRequest Request { get; }

    /// <summary>The log; it is already open for this attempt.</summary>
    public EventLogWriter Log { get; }

    /// <summary>Newest complete checkpoint to go on from, or null for a start from step 0.</summary>
    public (int Step, string Path)? ResumeFrom => RunDirectory.LatestCheckpoint(Paths);

    /// <summary>
    /// Opens the directory and reports <see cref="TrainerState.Starting"/>; an attempt after the first also reports <see cref="RunResumed"/>
    /// from the newest checkpoint (or from 0).
    /// </summary>
    /// <param name="root">The run directory.</param>
    /// <param name="time">Clock for the events' stamps.</param>
    /// <param name="startedAt">When this process was started: commands placed before were meant for an earlier trainer.</param>
    /// <exception cref="PeftException">No run directory, another trainer lives, or the disk refuses.</exception>
    public static TrainerSession Open(string root, TimeProvider? time = null, DateTimeOffset? startedAt = null)
    {
        var paths = new RunPaths(Path.GetFullPath(root));
        var request = RunDirectory.ReadRequest(paths);
        var held = TrainerLock.Acquire(paths);
        EventLogWriter? log = null;
        try
        {
            AtomicFolder.CleanUp(paths.Root);
            AtomicFolder.CleanUp(paths.Checkpoints);
            log = EventLogWriter.Open(paths, time);
            var session = new TrainerSession(held, paths, request, log);
            session.DropCommandsBefore(startedAt ?? ProcessStart());
            log.Append(new RunStateChanged { State = TrainerState.Starting });
            if (log.CutBytes > 0)
            {
                log.Append(new RunAlert
                {
                    Severity = "info",
                    Code = "torn_line_cut",
                    Message = $"The last attempt died while writing: {log.CutBytes} bytes of an unfinished event were removed.",
                });
            }

            if (log.Attempt > 1)
            {
                var from = session.ResumeFrom?.Step ?? 0;
                log.Append(new RunResumed { FromStep = from, Step = from });
            }

            return session;
        }
        catch
        {
            log?.Dispose();
            held.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The next command, or null. Cheap enough to be called after every step. A file that is no command is reported as an alert and put
    /// aside. The caller carries the command out and then calls <see cref="Acknowledge"/>.
    /// </summary>
    /// <param name="step">Step for the alert.</param>
    public ControlFile? NextCommand(int step)
    {
        foreach (var file in _control.Pending())
        {
            if (file.Command is not null)
                return file;
            Log.Append(new RunAlert { Severity = "warning", Code = "unknown_command", Message = file.Problem!, Step = step });
            _control.Reject(file);
        }

        return null;
    }

    /// <summary>Says in the log that a command was carried out, and removes its file.</summary>
    public void Acknowledge(ControlFile file, int step)
    {
        ArgumentNullException.ThrowIfNull(file);
        Log.Append(new RunControlAcknowledged { Command = file.Command!.Value, CommandId = file.Id, Step = step });
        ControlFolder.Done(file);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Log.Dispose();
        _lock.Dispose();
    }

    private void DropCommandsBefore(DateTimeOffset start)
    {
        foreach (var file in _control.Pending())
        {
            if (file.Command is not null && Ulid.Parse(file.Id, System.Globalization.CultureInfo.InvariantCulture).Time < start)
                ControlFolder.Done(file);
        }
    }

    private static DateTimeOffset ProcessStart()
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        return new DateTimeOffset(self.StartTime.ToUniversalTime());
    }
}
