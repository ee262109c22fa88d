using System.Diagnostics;
using System.Globalization;
using System.Text;
using Peft.Core.Runs;

namespace Workbench.Server.Jobs;

/// <summary>
/// Ends a trainer that does not obey any more. Which process it is stands in no file (process ids are reused): it is the one whose command
/// line names the run directory while the directory's lock is held.
/// </summary>
internal static class TrainerEnd
{
    /// <summary>Ends the trainer of a run directory at once, with everything it started. False when none was found.</summary>
    public static bool Force(RunPaths run)
    {
        if (!TrainerLock.IsHeld(run) || !Directory.Exists("/proc"))
            return false;
        var found = false;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) || !Trains(folder, run.Root))
                continue;
            try
            {
                using var process = Process.GetProcessById(id);
                process.Kill(entireProcessTree: true);
                found = true;
            }
            catch (Exception gone) when (gone is ArgumentException or InvalidOperationException)
            {
                // It ended between the look and the kill, which is what was wanted.
                found = true;
            }
        }

        return found;
    }

    private static bool Trains(string process, string root)
    {
        try
        {
            var words = Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(process, "cmdline"))).Split('\0');
            var train = Array.IndexOf(words, "train");
            return train >= 0 && train + 2 < words.Length && words[train + 1] == "--run" && words[train + 2] == root;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
