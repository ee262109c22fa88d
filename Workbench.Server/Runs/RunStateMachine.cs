using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs;

/// <summary>What can happen to a run.</summary>
public enum RunSignal
{
    /// <summary>A person wants it to go on (or a finished queue entry to wait again).</summary>
    ResumeRequested,
    PauseRequested,
    StopRequested,

    /// <summary>The queue started a trainer.</summary>
    Launched,

    /// <summary>The trainer could not be started.</summary>
    LaunchFailed,
    TrainerStarting,
    TrainerTraining,
    TrainerEvaluating,
    TrainerPaused,
    TrainerCompleted,
    TrainerStopped,
    TrainerFailed,

    /// <summary>The trainer's lock is free and its log has no end: it died without a word.</summary>
    TrainerGone,
}

/// <summary>The states of a run and what leads from one to another. No clock, no files: a table that a test can walk.</summary>
public static class RunStateMachine
{
    /// <summary>The state after a signal; null when the signal is refused (a person's wish) or changes nothing (an event).</summary>
    public static RunState? Next(RunState state, RunSignal signal) => signal switch
    {
        RunSignal.ResumeRequested => state is RunState.Paused or RunState.Interrupted or RunState.Failed or RunState.Stopped ? RunState.Queued : null,
        RunSignal.PauseRequested => state switch
        {
            RunState.Queued => RunState.Paused,
            RunState.Starting or RunState.Training or RunState.Evaluating => RunState.Pausing,
            _ => null,
        },
        RunSignal.StopRequested => state switch
        {
            RunState.Queued or RunState.Paused or RunState.Interrupted => RunState.Stopped,
            RunState.Starting or RunState.Training or RunState.Evaluating or RunState.Pausing => RunState.Stopping,
            _ => null,
        },
        RunSignal.Launched => state is RunState.Queued ? RunState.Starting : null,
        RunSignal.LaunchFailed => IsActive(state) || state is RunState.Queued ? RunState.Failed : null,
        // A wish that waits for the trainer to read it stays visible while the trainer goes from phase to phase.
        RunSignal.TrainerStarting => state is RunState.Pausing or RunState.Stopping or RunState.Starting ? null : RunState.Starting,
        RunSignal.TrainerTraining => state is RunState.Pausing or RunState.Stopping or RunState.Training ? null : RunState.Training,
        RunSignal.TrainerEvaluating => state is RunState.Pausing or RunState.Stopping or RunState.Evaluating ? null : RunState.Evaluating,
        RunSignal.TrainerPaused => Changed(state, RunState.Paused),
        RunSignal.TrainerCompleted => Changed(state, RunState.Completed),
        RunSignal.TrainerStopped => Changed(state, RunState.Stopped),
        RunSignal.TrainerFailed => Changed(state, RunState.Failed),
        RunSignal.TrainerGone => state switch
        {
            RunState.Stopping => RunState.Stopped,
            _ when IsActive(state) => RunState.Interrupted,
            _ => null,
        },
        _ => throw new ArgumentOutOfRangeException(nameof(signal), signal, "A signal without a rule."),
    };

    /// <summary>Is a trainer at work (or about to be, or about to end)?</summary>
    public static bool IsActive(RunState state) =>
        state is RunState.Starting or RunState.Training or RunState.Evaluating or RunState.Pausing or RunState.Stopping;

    /// <summary>The signal that a trainer's own report is.</summary>
    public static RunSignal SignalOf(TrainerState state) => state switch
    {
        TrainerState.Starting => RunSignal.TrainerStarting,
        TrainerState.Training => RunSignal.TrainerTraining,
        TrainerState.Evaluating => RunSignal.TrainerEvaluating,
        TrainerState.Paused => RunSignal.TrainerPaused,
        TrainerState.Completed => RunSignal.TrainerCompleted,
        TrainerState.Stopped => RunSignal.TrainerStopped,
        TrainerState.Failed => RunSignal.TrainerFailed,
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "A trainer state without a signal."),
    };

    private static RunState? Changed(RunState state, RunState next) => state == next ? null : next;
}
