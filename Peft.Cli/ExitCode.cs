using Peft.Core.Runs;

namespace Peft.Cli;

/// <summary>How a training ended, for scripts; beside the codes of <see cref="CommandLine"/>.</summary>
internal static class ExitCode
{
    /// <summary>The run paused and can be resumed with the same command.</summary>
    public const int Paused = 3;

    /// <summary>The run was stopped early; its adapter is saved.</summary>
    public const int Stopped = 4;

    public static int Of(TrainerState state) => state switch
    {
        TrainerState.Completed => CommandLine.Success,
        TrainerState.Paused => Paused,
        TrainerState.Stopped => Stopped,
        _ => CommandLine.Refused,
    };
}
