using System.Diagnostics;
using Peft.Core.Methods;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Pretraining;

/// <summary>
/// A run that makes a base, from start to end in its run directory, with the events, commands and checkpoints of every other run. The
/// finished base is a Hugging Face folder.
/// </summary>
internal sealed class PretrainingTrainer : IDisposable
{
    private const string Tokenizer = "tokenizer";

    private readonly TrainerSession session;
    private readonly PretrainingSetup setup;
    private readonly PretrainingLoop loop;
    private readonly RunReporter reporter;
    private readonly CancellationToken interrupt;
    private readonly TimeProvider time;

    private PretrainingTrainer(TrainerSession session, PretrainingSetup setup, RunReporter reporter, TimeProvider time, CancellationToken interrupt)
    {
        this.time = time;
        this.session = session;
        this.setup = setup;
        this.reporter = reporter;
        this.interrupt = interrupt;
        loop = new PretrainingLoop(setup.Model, setup.Weights, setup.Rows, setup.Objective, setup.Layout.Objective, setup.Arguments, session.Request.Pretraining!.TableRate);
        reporter.TotalSteps = loop.TotalSteps;
    }

    /// <summary>Carries out the order of an open run directory.</summary>
    /// <returns>How it ended.</returns>
    /// <exception cref="PeftException">Anything that stands in the way; the caller writes it into the log.</exception>
    public static TrainerState Run(TrainerSession session, TimeProvider time, Action<RunEvent>? observe, CancellationToken interrupt)
    {
        using var setup = PretrainingSetup.Open(session.Paths, session.Request, Path.Combine(session.Paths.Root, Tokenizer));
        using var trainer = new PretrainingTrainer(session, setup, new RunReporter(session, setup.Arguments) { Observe = observe }, time, interrupt);
        return trainer.Run();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        loop.Dispose();
        reporter.Dispose();
    }

    private TrainerState Run()
    {
        if (session.ResumeFrom is { } checkpoint)
        {
            var progress = CheckpointStore.Restore(checkpoint.Path, setup.Weights, loop.Optimizer);
            if (progress.DataHash != setup.DataHash)
                throw new PeftException($"{checkpoint.Path}: this checkpoint was made with another corpus. Start a new run instead of resuming this one.");
            loop.Step = progress.Step;
            loop.Rates.State = progress.Plateau;
            reporter.Progress = progress;
        }

        var parameters = setup.Model.Config.ParameterCount();
        reporter.OpenBoard(time.GetUtcNow());
        reporter.Ready(new ParameterCount(parameters, parameters), setup.Model.DType, setup.Documents);
        foreach (var warning in setup.Warnings)
            reporter.Alert("warning", "setting_doubtful", $"{warning.Field}: {warning.Message}");
        reporter.State(TrainerState.Training);
        try
        {
            Train();
            ObeyCommands();
            SaveModel(Measure());
            reporter.State(TrainerState.Completed);
            return TrainerState.Completed;
        }
        catch (CommandedEndException end)
        {
            return End(end);
        }
    }

    private void Train()
    {
        var arguments = setup.Arguments;
        while (loop.Step < loop.TotalSteps)
        {
            ObeyCommands();
            TrainStep();
            var last = loop.Step == loop.TotalSteps;
            if (arguments.EvalSteps > 0 && loop.Step % arguments.EvalSteps == 0 && !last)
                loop.Rates.Evaluated(Measure()?.Loss ?? double.NaN);
            PauseIfLost();
            if (last || (arguments.SaveSteps > 0 && loop.Step % arguments.SaveSteps == 0))
                TryCheckpoint();
        }
    }

    private void TrainStep()
    {
        try
        {
            reporter.Step(loop.TrainStep());
        }
        catch (DivergenceException e)
        {
            reporter.Diverged(e);
            PauseIfLost();
            throw;
        }
    }

    private void PauseIfLost()
    {
        if (setup.Arguments.PauseOnProblem && reporter.Lost is { } finding)
            throw new CommandedEndException(RunCommand.Pause, null, finding);
    }

    private (double Loss, double Accuracy)? Measure()
    {
        if (setup.HeldOut.Count == 0)
            return null;
        var clock = Stopwatch.StartNew();
        var (loss, accuracy) = loop.Measure(setup.HeldOut);
        reporter.EvalLoss(loss, setup.HeldOut.Count, clock.Elapsed.TotalSeconds, new Dictionary<string, double?> { ["accuracy"] = accuracy });
        return (loss, accuracy);
    }

    private void SaveModel((double Loss, double Accuracy)? measured)
    {
        var target = session.Request.Pretraining!.Output is { } output ? RunDirectory.Resolve(session.Paths, output) : session.Paths.Model;
        BaseFolder.Write(target, Path.Combine(session.Paths.Root, Tokenizer), setup, BaseCard.Of(session.Request, setup, reporter.Progress, loop.TotalSteps, measured));
    }

    private void ObeyCommands()
    {
        var step = reporter.Progress.Step;
        if (interrupt.IsCancellationRequested)
            throw new CommandedEndException(RunCommand.Pause, null);
        while (session.NextCommand(step) is { } file)
        {
            if (file.Command != RunCommand.Checkpoint)
                throw new CommandedEndException(file.Command!.Value, file);
            TryCheckpoint();
            session.Acknowledge(file, step);
        }
    }

    /// <summary>A full disk does not end a run: it goes on, and the next checkpoint may find room.</summary>
    private bool TryCheckpoint()
    {
        try
        {
            var (path, bytes) = CheckpointStore.Write(
                session.Paths, setup.Weights, loop.Optimizer, reporter.Progress with { DataHash = setup.DataHash, Plateau = loop.Rates.State }, setup.Arguments.SaveTotalLimit);
            reporter.Checkpoint(Path.GetRelativePath(session.Paths.Root, path), bytes);
            return true;
        }
        catch (PeftException e)
        {
            reporter.Alert("error", "checkpoint_failed", e.Message);
            return false;
        }
    }

    private TrainerState End(CommandedEndException end)
    {
        if (end.Finding is not null)
        {
            // The weights are part of the trouble, so they are not written.
            reporter.State(TrainerState.Paused, end.SetAside(session.Paths));
            return TrainerState.Paused;
        }

        var saved = TryCheckpoint();
        if (end.Command == RunCommand.Stop)
            SaveModel(Measure());
        if (end.File is not null)
            session.Acknowledge(end.File, reporter.Progress.Step);
        if (end.Command == RunCommand.Pause && !saved)
            throw new PeftException("The run was to pause, but no checkpoint could be written; steps after the last checkpoint are lost. Free some disk space and resume.");
        var state = end.Command == RunCommand.Stop ? TrainerState.Stopped : TrainerState.Paused;
        reporter.State(state, end.File is null ? "Interrupted from the terminal." : null);
        return state;
    }
}
