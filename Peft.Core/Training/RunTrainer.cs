using System.Globalization;
using Peft.Core.Evaluation;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Training.Health;
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
    private readonly EvaluationJudge judge;
    private readonly TimeProvider time;
    private TrainingLoop? loop;
    private double? lastLoss;
    private bool isBest;
    private bool ended;

    private RunTrainer(TrainerSession session, RunSetup setup, TimeProvider time, CancellationToken interrupt)
    {
        this.session = session;
        this.setup = setup;
        this.interrupt = interrupt;
        this.time = time;
        reporter = new RunReporter(session, setup.Arguments);
        judge = new EvaluationJudge(setup.Arguments);
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
                return PretrainingTrainer.Run(session, time ?? TimeProvider.System, observe, interrupt);
            using var setup = RunSetup.Open(
                session.Paths,
                session.Request,
                (done, total) =>
                {
                    var written = session.Log.Append(new RunProgress { Phase = "index", Done = done, Total = total });
                    observe?.Invoke(written);
                });
            using var trainer = new RunTrainer(session, setup, time ?? TimeProvider.System, interrupt);
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
    public void Dispose()
    {
        loop?.Dispose();
        reporter.Dispose();
    }

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
                ended = setup.Arguments.EarlyStoppingPatience > 0 && progress.EvaluationsWithoutProgress >= setup.Arguments.EarlyStoppingPatience;
            }
        }

        reporter.OpenBoard(time.GetUtcNow());
        reporter.Ready(setup);
        reporter.State(TrainerState.Training);
        try
        {
            if (loop is not null)
            {
                CheckMetric();
                Train(loop);
                if (setup.Train is { IsStreamed: true } streamed)
                    reporter.Limited(streamed);
            }

            var devLoss = FinalDevLoss();
            devLoss = TakeBest() ?? devLoss;
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
        bool Due(string strategy, int every) => strategy switch
        {
            "steps" => every > 0 && steps.Step % every == 0,
            "epoch" => steps.Step % steps.StepsPerEpoch == 0,
            _ => false,
        };
        while (steps.Step < steps.TotalSteps && !ended)
        {
            ObeyCommands();
            TrainStep(steps);
            var last = steps.Step == steps.TotalSteps;
            if (!last && Due(arguments.EvalStrategy, arguments.EvalSteps))
                Evaluate();
            PauseIfLost();
            if (last || ended || isBest || Due(arguments.SaveStrategy, arguments.SaveSteps))
                TryCheckpoint();
        }
    }

    private void TrainStep(TrainingLoop steps)
    {
        try
        {
            isBest = false;
            reporter.Step(steps.TrainStep());
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

    /// <summary>A metric that does not exist is found out on one record, before the first step and not at the first evaluation.</summary>
    private void CheckMetric()
    {
        if (judge.IsLoss || setup.DevRecords.Count == 0)
            return;
        var written = setup.Task.Writes && !setup.Arguments.PredictWithGenerate;
        judge.Value(0, written ? null : setup.Task.Evaluate(setup.Model, [setup.DevRecords[0]], Measuring(1)).Report.Metrics);
    }

    /// <summary>Puts the weights of the best evaluation back where they are the result.</summary>
    /// <returns>The dev loss at that evaluation; null when the last weights stay.</returns>
    private double? TakeBest()
    {
        if (!setup.Arguments.LoadBestModelAtEnd || setup.Adapter is not { } adapter || reporter.Progress is not { Best: { } best } progress || best.Step == progress.Step)
            return null;
        var folder = session.Paths.Checkpoint(best.Step);
        if (!Directory.Exists(folder))
        {
            reporter.Alert("warning", "best_missing", $"{folder}: the checkpoint of the best evaluation is not there, so the last weights are the result.");
            return null;
        }

        CheckpointStore.RestoreWeights(folder, adapter);
        reporter.Alert("info", "best_taken", string.Create(
            CultureInfo.InvariantCulture, $"The result is that of step {best.Step}, whose {judge.Metric} was the best: {best.Value:G5}."));
        return best.Loss;
    }

    private double? FinalDevLoss()
    {
        ObeyCommands();
        if (ended && lastLoss is { } measured)
            return measured; // by the evaluation that ended training
        return setup.Dev is not null ? Evaluate() : null;
    }

    private double Evaluate()
    {
        if (setup.Dev is not { } dev)
            return double.NaN;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var arguments = setup.Arguments;
        var loss = arguments.EvalLossWeighting == "rows"
            ? LossEvaluator.LossByRows(setup.Model, dev, arguments.PerDeviceEvalBatchSize, arguments.LabelSmoothingFactor)
            : LossEvaluator.Loss(setup.Model, dev, arguments.PerDeviceEvalBatchSize);

        // Where answers are written token by token only a few are, unless more are asked for: enough to look at, too few to score.
        var scored = !setup.Task.Writes || arguments.PredictWithGenerate;
        var records = !setup.Task.Writes ? setup.DevRecords : [.. setup.DevRecords.Take(Written(arguments))];
        var batch = setup.Task.Writes && !arguments.PredictWithGenerate ? records.Count : arguments.PerDeviceEvalBatchSize;
        var result = records.Count > 0 ? setup.Task.Evaluate(setup.Model, records, Measuring(batch)) : null;
        var metrics = scored ? result?.Report.Metrics : null;
        reporter.EvalLoss(loss, setup.DevRecords.Count, clock.Elapsed.TotalSeconds, metrics);
        reporter.Samples([.. (result?.Predictions ?? []).Take(arguments.GenerationSamples)]);
        lastLoss = loss;
        if (loop is not null)
            Judge(loop, judge.Value(loss, metrics), loss);
        return loss;
    }

    private static int Written(TrainingArguments arguments) => !arguments.PredictWithGenerate ? arguments.GenerationSamples
        : arguments.MaxGenerateSamples == 0 ? int.MaxValue
        : Math.Max(arguments.MaxGenerateSamples, arguments.GenerationSamples);

    /// <summary>Lets the evaluation count for the learning rate, the best weights and the end.</summary>
    private void Judge(TrainingLoop steps, double value, double loss)
    {
        steps.Rates.Evaluated(value);
        var judgement = judge.Judge(reporter.Progress, value, loss);
        reporter.Progress = judgement.Progress;
        isBest = judgement.IsBest && setup.Arguments.LoadBestModelAtEnd;
        if (!judgement.Ends || ended || steps.Step == steps.TotalSteps)
            return;
        ended = true;
        reporter.Alert("info", "early_stopped", string.Create(
            CultureInfo.InvariantCulture,
            $"Training ended at step {steps.Step} of {steps.TotalSteps}: {judge.Metric} has not got better for {setup.Arguments.EarlyStoppingPatience} evaluations."));
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
        if (end.Finding is not null)
        {
            // The weights are part of the trouble, so they are not written.
            reporter.State(TrainerState.Paused, end.SetAside(session.Paths));
            return TrainerState.Paused;
        }

        var saved = TryCheckpoint();
        if (end.Command == RunCommand.Stop)
        {
            TakeBest();
            SaveAdapter();
        }

        if (end.File is not null)
            session.Acknowledge(end.File, reporter.Progress.Step);
        if (end.Command == RunCommand.Pause && !saved)
            throw new PeftException("The run was to pause, but no checkpoint could be written; steps after the last checkpoint are lost. Free some disk space and resume.");
        var state = end.Command == RunCommand.Stop ? TrainerState.Stopped : TrainerState.Paused;
        reporter.State(state, end.File is null ? "Interrupted from the terminal." : null);
        return state;
    }
}
