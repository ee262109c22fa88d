using System.Runtime.InteropServices;

namespace Peft.Core.Runs;

/// <summary>
/// Files and folders that exist completely or not at all: written aside under a name that starts with a dot, flushed to the disk, renamed.
/// A process that dies half-way leaves only a folder that nobody reads; <see cref="CleanUp"/> removes it at the next start.
/// </summary>
public static partial class AtomicFolder
{
    private const string Prefix = ".aside-";

    /// <summary>Writes a folder; an older one of the same name is replaced, on Linux in one step.</summary>
    /// <param name="target">The folder's final path.</param>
    /// <param name="fill">Writes the content into the folder it is given.</param>
    /// <exception cref="PeftException">The disk is full or refuses; nothing of the new folder is left and an older one is untouched.</exception>
    public static void Write(string target, Action<string> fill)
    {
        ArgumentNullException.ThrowIfNull(fill);
        var full = Path.GetFullPath(target);
        var parent = Path.GetDirectoryName(full)!;
        var aside = Path.Combine(parent, Prefix + Ulid.NewUlid());
        try
        {
            Directory.CreateDirectory(aside);
            fill(aside);
            Sync(aside);
            if (!Directory.Exists(full))
                Directory.Move(aside, full);
            else
                Replace(full, aside);

            SyncDirectory(parent);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            Remove(aside);
            throw Refused(full, e);
        }
        catch
        {
            Remove(aside);
            throw;
        }
    }

    /// <summary>Writes one file aside, flushes it and renames it over an older one.</summary>
    /// <exception cref="PeftException">The disk is full or refuses; an older file is untouched.</exception>
    public static void WriteFile(string target, ReadOnlySpan<byte> content)
    {
        var full = Path.GetFullPath(target);
        var parent = Path.GetDirectoryName(full)!;
        var aside = Path.Combine(parent, Prefix + Ulid.NewUlid());
        try
        {
            Directory.CreateDirectory(parent);
            using (var file = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(aside, full, overwrite: true);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            File.Delete(aside);
            throw Refused(full, e);
        }
    }

    /// <summary>Removes what earlier processes left half-written directly under a folder.</summary>
    public static void CleanUp(string parent)
    {
        if (!Directory.Exists(parent))
            return;
        foreach (var folder in Directory.EnumerateDirectories(parent, Prefix + "*"))
            Directory.Delete(folder, recursive: true);
        foreach (var file in Directory.EnumerateFiles(parent, Prefix + "*"))
            File.Delete(file);
    }

    /// <summary>Turns a refusal of the file system into a message that says what to do.</summary>
    internal static PeftException Refused(string path, Exception e) => IsDiskFull(e)
        ? new PeftException($"{path} could not be written: no space is left on the disk. Free some space (or delete old runs) and resume.", e)
        : new PeftException($"{path} could not be written: {e.Message}", e);

    /// <summary>Is it the file system that refuses (and not a mistake of the caller)?</summary>
    internal static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException || IsTooLarge(e);

    private static bool IsDiskFull(Exception e)
    {
        const int noSpace = 28, quota = 122, windowsDiskFull = unchecked((int)0x80070070);
        return IsTooLarge(e) || (e is IOException && (e.HResult is noSpace or quota or windowsDiskFull
            || e.Message.Contains("No space left", StringComparison.OrdinalIgnoreCase) || e.Message.Contains("disk is full", StringComparison.OrdinalIgnoreCase)
            || e.Message.Contains("quota", StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>A limit on the size of files (EFBIG) comes out of .NET as an argument that is out of range.</summary>
    private static bool IsTooLarge(Exception e) =>
        e is ArgumentOutOfRangeException && e.Message.Contains("too large for the file system", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Puts the new folder in the place of the old one. On Linux the two names are exchanged in one step, so that there is a complete folder at
    /// every moment; a file system that cannot do that gets two renames, between which a killed process leaves neither under the name.
    /// </summary>
    private static void Replace(string full, string aside)
    {
        const int currentFolder = -100;
        const uint exchange = 2;
        if (OperatingSystem.IsLinux() && RenameAt2(currentFolder, aside, currentFolder, full, exchange) == 0)
        {
            Directory.Delete(aside, recursive: true);
            return;
        }

        var old = Path.Combine(Path.GetDirectoryName(full)!, Prefix + Ulid.NewUlid());
        Directory.Move(full, old);
        Directory.Move(aside, full);
        Directory.Delete(old, recursive: true);
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    private static void Sync(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            file.Flush(flushToDisk: true);
        }

        foreach (var path in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories))
            SyncDirectory(path);
        SyncDirectory(folder);
    }

    /// <summary>Makes a rename durable. .NET cannot open a directory, hence the three calls to the C library; elsewhere than on Linux it is left out.</summary>
    private static void SyncDirectory(string folder)
    {
        if (!OperatingSystem.IsLinux())
            return;
        var descriptor = Open(folder, 0);
        if (descriptor < 0)
            return;
        _ = Fsync(descriptor);
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int oldFolder, string oldPath, int newFolder, string newPath, uint flags);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
