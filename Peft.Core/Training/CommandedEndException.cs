using Peft.Core.Runs;

namespace Peft.Core.Training;

/// <summary>Leaves a trainer's loops when a command asks for the end.</summary>
internal sealed class CommandedEndException(RunCommand command, ControlFile? file) : Exception
{
    /// <summary>Pause or stop.</summary>
    public RunCommand Command { get; } = command;

    /// <summary>The command's file; null when the terminal asked.</summary>
    public ControlFile? File { get; } = file;
}
