namespace Peft.Core.Runs;

/// <summary>Where everything of one run lies. The directory is the truth about the run; everything else is derived from it.</summary>
/// <param name="Root">The run directory.</param>
public sealed record RunPaths(string Root)
{
    /// <summary>The order, see <see cref="RunRequest"/>.</summary>
    public string Request => Path.Combine(Root, "run.json");

    /// <summary>The append-only event log, see <see cref="RunEvent"/>.</summary>
    public string Events => Path.Combine(Root, "events.jsonl");

    /// <summary>Atomically placed command files, <c>&lt;ulid&gt;.&lt;command&gt;</c>.</summary>
    public string Control => Path.Combine(Root, "control");

    /// <summary>Held exclusively while a trainer lives: liveness is the lock, never a process id.</summary>
    public string Lock => Path.Combine(Root, "trainer.lock");

    /// <summary>The trainer's stdout and stderr.</summary>
    public string Log => Path.Combine(Root, "trainer.log");

    /// <summary>Complete checkpoints, one folder per step.</summary>
    public string Checkpoints => Path.Combine(Root, "checkpoints");

    /// <summary>The result in PEFT's format.</summary>
    public string Adapter => Path.Combine(Root, "adapter");

    /// <summary>The finished base of a pretraining run that names no other folder.</summary>
    public string Model => Path.Combine(Root, "model");

    /// <summary>Generated answers per split.</summary>
    public string Predictions(string split) => Path.Combine(Root, "predictions", split + ".jsonl");

    /// <summary>Event files for TensorBoard.</summary>
    public string TensorBoard => Path.Combine(Root, "tensorboard");

    /// <summary>Columns and min/max pyramid derived from the events; may be deleted.</summary>
    public string Series => Path.Combine(Root, "series");

    /// <summary>Folder of the checkpoint after an optimizer step.</summary>
    public string Checkpoint(int step) => Path.Combine(Checkpoints, step.ToString("D8", System.Globalization.CultureInfo.InvariantCulture));
}
