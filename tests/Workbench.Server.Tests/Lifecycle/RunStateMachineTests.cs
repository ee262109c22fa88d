using Workbench.Client.Contracts;
using Workbench.Server.Runs;

namespace Workbench.Server.Tests.Lifecycle;

public sealed class RunStateMachineTests
{
    /// <summary>Every wish of a person in every state; "-" is a refusal.</summary>
    [Theory]
    [InlineData(RunState.Queued, "-", "Paused", "Stopped")]
    [InlineData(RunState.Starting, "-", "Pausing", "Stopping")]
    [InlineData(RunState.Training, "-", "Pausing", "Stopping")]
    [InlineData(RunState.Evaluating, "-", "Pausing", "Stopping")]
    [InlineData(RunState.Pausing, "-", "-", "Stopping")]
    [InlineData(RunState.Paused, "Queued", "-", "Stopped")]
    [InlineData(RunState.Stopping, "-", "-", "-")]
    [InlineData(RunState.Stopped, "Queued", "-", "-")]
    [InlineData(RunState.Completed, "-", "-", "-")]
    [InlineData(RunState.Failed, "Queued", "-", "-")]
    [InlineData(RunState.Interrupted, "Queued", "-", "Stopped")]
    public void Next_OnAPersonsWish_FollowsTheTable(RunState state, string resume, string pause, string stop)
    {
        string Word(RunSignal signal) => RunStateMachine.Next(state, signal)?.ToString() ?? "-";

        Assert.Equal((resume, pause, stop), (Word(RunSignal.ResumeRequested), Word(RunSignal.PauseRequested), Word(RunSignal.StopRequested)));
    }

    /// <summary>A trainer that dies: only what was at work changes, and a stop that was asked for has happened.</summary>
    [Theory]
    [InlineData(RunState.Queued, null)]
    [InlineData(RunState.Starting, RunState.Interrupted)]
    [InlineData(RunState.Training, RunState.Interrupted)]
    [InlineData(RunState.Evaluating, RunState.Interrupted)]
    [InlineData(RunState.Pausing, RunState.Interrupted)]
    [InlineData(RunState.Stopping, RunState.Stopped)]
    [InlineData(RunState.Paused, null)]
    [InlineData(RunState.Stopped, null)]
    [InlineData(RunState.Completed, null)]
    [InlineData(RunState.Failed, null)]
    [InlineData(RunState.Interrupted, null)]
    public void Next_TrainerGone_InterruptsWhatWasAtWork(RunState state, RunState? wanted) =>
        Assert.Equal(wanted, RunStateMachine.Next(state, RunSignal.TrainerGone));

    [Fact]
    public void Next_EverySignalInEveryState_HasARule()
    {
        foreach (var state in Enum.GetValues<RunState>())
        {
            foreach (var signal in Enum.GetValues<RunSignal>())
                Assert.NotEqual(state, RunStateMachine.Next(state, signal));
        }
    }

    [Fact]
    public void Next_PauseAsked_StaysVisibleWhileTheTrainerGoesOn()
    {
        Assert.Null(RunStateMachine.Next(RunState.Pausing, RunSignal.TrainerTraining));
        Assert.Null(RunStateMachine.Next(RunState.Stopping, RunSignal.TrainerEvaluating));
        Assert.Equal(RunState.Paused, RunStateMachine.Next(RunState.Pausing, RunSignal.TrainerPaused));
    }
}
