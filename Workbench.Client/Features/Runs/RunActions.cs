using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>What a person can do with a run.</summary>
public enum RunAction
{
    Pause,
    Resume,
    Stop,
    Checkpoint,
    Kill,
    Duplicate,
    Delete,
}

/// <summary>Which actions a state allows; a button that would do nothing is not shown.</summary>
public static class RunActions
{
    public static IReadOnlyList<RunAction> For(RunState state) => state switch
    {
        RunState.Queued => [RunAction.Stop, RunAction.Duplicate, RunAction.Delete],
        RunState.Starting => [RunAction.Stop, RunAction.Duplicate],
        RunState.Training => [RunAction.Pause, RunAction.Stop, RunAction.Checkpoint, RunAction.Duplicate],
        RunState.Evaluating => [RunAction.Stop, RunAction.Duplicate],
        RunState.Pausing or RunState.Stopping => [RunAction.Kill, RunAction.Duplicate],
        RunState.Paused => [RunAction.Resume, RunAction.Stop, RunAction.Duplicate, RunAction.Delete],
        RunState.Interrupted or RunState.Stopped => [RunAction.Resume, RunAction.Duplicate, RunAction.Delete],
        _ => [RunAction.Duplicate, RunAction.Delete],
    };

    /// <summary>Does a trainer work on it, or is about to?</summary>
    public static bool IsActive(RunState state) =>
        state is RunState.Starting or RunState.Training or RunState.Evaluating or RunState.Pausing or RunState.Stopping;

    public static bool IsOver(RunState state) => state is RunState.Completed or RunState.Stopped or RunState.Failed;
}
