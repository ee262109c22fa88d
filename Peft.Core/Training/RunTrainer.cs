using Peft.Core.Evaluation;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Training.Tasks;

namespace Peft.Core.Training;

/// <summary>
/// A run from start to end in its run directory: prepare, train, save, score. Everything a viewer may want to know goes into the event
/// log; commands are read between steps. One thread does it all.
/// </summary>
public sealed class RunTrainer : IDisposable
{
    private readonly TrainerSession session;
    private readonly RunSetup setup;
    private readonly RunReporter reporter;
    private readonly CancellationToken interrupt;
    private TrainingLoop? loop;

    private RunTrainer(TrainerSession session, RunSetup setup, CancellationToken interrupt)
    {
        this.session = session;
        this.setup = setup;
        this.interrupt = interrupt;
        reporter = new RunReporter(session, setup.Arguments);
    }

    /// <summary>Runs the order of a run directory until it is complete, paused, stopped or failed; the last is in the log, too.</summary>
    /// <param name="root">The run directory.</param>
    /// <param name="time">Clock for the events.</param>
    /// <param name="observe">Sees every event as it is written, e.g. to draw a progress bar.</param>
    /// <param name="interrupt">Asks for a pause, e.g. on Ctrl+C.</param>
    /// <returns>How it ended.</returns>
    /// <exception cref="PeftException">The directory cannot be opened (no order, another trainer lives, disk refuses).</exception>
    public static TrainerState Run(string root, TimeProvider? time = null, Action<RunEvent>? observe = null, CancellationToken interrupt = default)
    {
        using var session = TrainerSession.Open(root, time);
        try
        {
            if (session.Request.Kind == RunKind.Pretrain)
                return PretrainingTrainer.Run(session, observe, interrupt);
            using var setup = RunSetup.Open(session.Paths, session.Request);
            using var trainer = new RunTrainer(session, setup, interrupt);
            trainer.reporter.Observe = observe;
            return trainer.Run();
        }
        catch (PeftException e)
        {
            return Failed(session, e.Message, observe);
        }
        catch (Exception e) when (e is System.Runtime.InteropServices.ExternalException or OutOfMemoryException)
        {
            // The tensor library reports a failed allocation and wrong shapes this way.
            return Failed(session, $"The tensor library failed: {e.Message} If memory ran out, lower per_device_train_batch_size or max_length.", observe);
        }
    }

    /// <inheritdoc />
    public void Dispose() => loop?.Dispose();

    private static TrainerState Failed(TrainerSession session, string message, Action<RunEvent>? observe)
    {
        var failed = session.Log.Append(new RunStateChanged { State = TrainerState.Failed, Message = message });
        observe?.Invoke(failed);
        return TrainerState.Failed;
    }

    private TrainerState Run()
    {
        if (setup is { Adapter: { } adapter, Train: { } train })
        {
            loop = new TrainingLoop(setup.Model, adapter, train, setup.Arguments);
            reporter.TotalSteps = loop.TotalSteps;
            if (session.ResumeFrom is { } checkpoint)
            {
                var progress = CheckpointStore.Restore(checkpoint.Path, adapter, loop);
                if (progress.DataHash != setup.DataHash)
                    throw new PeftException($"{checkpoint.Path}: this checkpoint was made with other data. Start a new run instead of resuming this one.");
                reporter.Progress = progress;
            }
        }

        reporter.Ready(setup);
        reporter.State(TrainerState.Training);
        try
        {
            if (loop is not null)
                Train(loop);
            var devLoss = FinalDevLoss();
            SaveAdapter();
            reporter.State(TrainerState.Evaluating);
            Score(devLoss);
            reporter.State(TrainerState.Completed);
            return TrainerState.Completed;
        }
        catch (CommandedEndException end)
        {
            return End(end);
        }
    }

    private void Train(TrainingLoop steps)
    {
        var arguments = setup.Arguments;
        while (steps.Step < steps.TotalSteps)
        {
            ObeyCommands();
            reporter.Step(steps.TrainStep());
            var last = steps.Step == steps.TotalSteps;
            if (arguments.EvalSteps > 0 && steps.Step % arguments.EvalSteps == 0 && !last)
                Evaluate();
            if (last || (arguments.SaveSteps > 0 && steps.Step % arguments.SaveSteps == 0))
                TryCheckpoint();
        }
    }

    private double? FinalDevLoss()
    {
        ObeyCommands();
        return setup.Dev is not null ? Evaluate() : null;
    }

    private double Evaluate()
    {
        if (setup.Dev is not { } dev)
            return double.NaN;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var loss = LossEvaluator.Loss(setup.Model, dev, setup.Arguments.PerDeviceEvalBatchSize);

        // Where answers are written token by token only a few are: enough to look at, too few to score.
        var records = setup.Task.Writes ? [.. setup.DevRecords.Take(setup.Arguments.GenerationSamples)] : setup.DevRecords;
        var batch = setup.Task.Writes ? records.Count : setup.Arguments.PerDeviceEvalBatchSize;
        var result = records.Count > 0 ? setup.Task.Evaluate(setup.Model, records, Measuring(batch)) : null;
        reporter.EvalLoss(loss, setup.DevRecords.Count, clock.Elapsed.TotalSeconds, setup.Task.Writes ? null : result?.Report.Metrics);
        reporter.Samples([.. (result?.Predictions ?? []).Take(setup.Arguments.GenerationSamples)]);
        return loss;
    }

    private void Score(double? devLoss)
    {
        if (setup.TestRecords.Count == 0)
            return;
        var request = session.Request.Evaluation;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        reporter.Phase("test", 0, setup.TestRecords.Count);
        var result = setup.Task.Evaluate(setup.Model, setup.TestRecords, Measuring(request.BatchSize), done =>
        {
            reporter.Phase("test", done, setup.TestRecords.Count);
            ObeyCommands();
        });
        Predictions.Write(session.Paths.Predictions(request.Split), result.Predictions);
        reporter.Metrics(result, setup.Task.Kind, request.Split, devLoss, clock.Elapsed.TotalSeconds, AdapterBytes());
    }

    private EvaluationSetting Measuring(int batchSize) => new(Math.Max(1, batchSize), session.Request.Evaluation.MaxNewTokens, setup.Arguments.Seed);

    private void SaveAdapter()
    {
        if (setup.Adapter is not null)
        {
            var name = session.Request.BaseModelName.Length > 0 ? session.Request.BaseModelName : session.Request.BaseModel;
            AtomicFolder.Write(session.Paths.Adapter, folder => setup.SaveAdapter(folder, name));
        }
    }

    private long AdapterBytes() => Directory.Exists(session.Paths.Adapter)
        ? Directory.EnumerateFiles(session.Paths.Adapter).Where(file => !file.EndsWith(".json", StringComparison.Ordinal)).Sum(file => new FileInfo(file).Length)
        : 0;

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
        if (loop is null || setup.Adapter is null)
            return true;
        try
        {
            var (path, bytes) = CheckpointStore.Write(
                session.Paths, setup.Adapter, loop, reporter.Progress with { DataHash = setup.DataHash }, setup.Arguments.SaveTotalLimit);
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
        var saved = TryCheckpoint();
        if (end.Command == RunCommand.Stop)
            SaveAdapter();
        if (end.File is not null)
            session.Acknowledge(end.File, reporter.Progress.Step);
        if (end.Command == RunCommand.Pause && !saved)
            throw new PeftException("The run was to pause, but no checkpoint could be written; steps after the last checkpoint are lost. Free some disk space and resume.");
        var state = end.Command == RunCommand.Stop ? TrainerState.Stopped : TrainerState.Paused;
        reporter.State(state, end.File is null ? "Interrupted from the terminal." : null);
        return state;
    }
}
