using Peft.Core.Runs;
using Peft.Core.Training.Health;

namespace Peft.Core.Training;

/// <summary>Leaves a trainer's loops when a command asks for the end, or when a run looks lost and is to pause then.</summary>
internal sealed class CommandedEndException(RunCommand command, ControlFile? file, HealthFinding? finding = null) : Exception
{
    /// <summary>Pause or stop.</summary>
    public RunCommand Command { get; } = command;

    /// <summary>The command's file; null when the terminal asked, or a finding did.</summary>
    public ControlFile? File { get; } = file;

    /// <summary>Why the run looks lost; its weights are not written then.</summary>
    public HealthFinding? Finding { get; } = finding;

    /// <summary>Puts the checkpoints of the trouble aside and says from where the run can go on.</summary>
    public string SetAside(RunPaths paths)
    {
        var left = CheckpointStore.SetAside(paths, Finding!.Since) ?? RunDirectory.LatestCheckpoint(paths)?.Step ?? 0;
        return $"Paused because something looks wrong: {Finding.Message} Resuming goes on from step {left}; with other settings, start a new run from a copy of this one.";
    }
}
