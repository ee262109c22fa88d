using System.Diagnostics;

namespace Peft.Core.Runs;

/// <summary>
/// The right to write into a run directory, held by an exclusive lock on <c>trainer.lock</c> for as long as the trainer lives. The kernel
/// drops the lock when the process ends, however it ends, so a lock that can be taken is the proof that no trainer lives; process ids,
/// which are reused, are never asked. The file stays behind on purpose: deleting it would let two processes lock two files of one name.
/// </summary>
public sealed class TrainerLock : IDisposable
{
    /// <summary>How long an acquirer waits: a liveness probe holds the lock for microseconds and must not make a start fail.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500);

    private readonly FileStream _file;

    private TrainerLock(FileStream file) => _file = file;

    /// <summary>Takes the lock.</summary>
    /// <exception cref="PeftException">Another trainer lives in this directory (double start or double resume).</exception>
    public static TrainerLock Acquire(RunPaths paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return new TrainerLock(new FileStream(paths.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
            }
            catch (Exception e) when (e is DirectoryNotFoundException or UnauthorizedAccessException)
            {
                throw new PeftException($"{paths.Lock} cannot be opened: {e.Message}", e);
            }
            catch (IOException e)
            {
                if (waited.Elapsed > s_patience)
                {
                    throw new PeftException(
                        $"{paths.Root}: another trainer is working on this run. Wait for it, or pause or stop it first; a run cannot be started or resumed twice.", e);
                }
            }

            Thread.Sleep(10);
        }
    }

    /// <summary>Does a trainer live in this directory? Asks the lock with a shared lock, so that two askers do not mistake each other for a trainer.</summary>
    public static bool IsHeld(RunPaths paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        try
        {
            using var probe = new FileStream(paths.Lock, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            return false;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
