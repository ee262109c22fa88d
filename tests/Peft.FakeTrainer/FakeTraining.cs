using System.Diagnostics;
using Peft.Core;
using Peft.Core.Runs;

namespace Peft.FakeTrainer;

/// <summary>A trainer without tensors that keeps every rule of a run directory. It is what the lifecycle is tested with.</summary>
internal sealed class FakeTraining(TrainerSession session, FakeOptions options)
{
    private FakeModel _model = session.ResumeFrom is { } checkpoint ? FakeModel.Load(checkpoint.Path) : FakeModel.Fresh(seed: 42);
    private double _bestEval = double.MaxValue;

    public int Run()
    {
        session.Log.Append(new RunModelReady
        {
            TrainableParams = 12_288,
            AllParams = 8_000_000,
            Line = "trainable params: 12,288 || all params: 8,000,000 || trainable%: 0.1536",
            Dtype = "float32",
            Threads = 1,
            TotalSteps = options.MaxSteps,
            TrainRecords = 1000,
            Environment = new Dictionary<string, string> { ["engine"] = "fake" },
            Step = _model.Step,
        });
        session.Log.Append(new RunStateChanged { State = TrainerState.Training, Step = _model.Step });
        Console.WriteLine($"training from step {_model.Step}");
        while (_model.Step < options.MaxSteps)
        {
            Step();
            if (Obey() is { } end)
                return end;
            Misbehave();
        }

        return Complete();
    }

    private void Step()
    {
        var clock = Stopwatch.StartNew();
        if (options.FakeStepMs > 0)
            Thread.Sleep(options.FakeStepMs);
        _model = _model.Next(clock.Elapsed.TotalSeconds);
        session.Log.Append(new RunStep
        {
            Step = _model.Step,
            Loss = _model.Loss,
            LearningRate = 2e-4 * (1 - ((double)_model.Step / options.MaxSteps)),
            GradNorm = 1 + (_model.Loss / 10),
            Epoch = _model.Step / 100.0,
            Tokens = _model.Tokens,
            TokensPerSecond = 512 / Math.Max(1e-3, clock.Elapsed.TotalSeconds),
            Seconds = _model.Seconds,
            Rss = Environment.WorkingSet,
        });
        if (options.EvalSteps > 0 && _model.Step % options.EvalSteps == 0)
            Evaluate();
        if (_model.Step % options.SaveSteps == 0)
            Checkpoint();
    }

    private void Evaluate()
    {
        var loss = _model.Loss * 1.05;
        session.Log.Append(new RunEvalLoss
        {
            Step = _model.Step,
            Loss = loss,
            Records = 100,
            TrainSeconds = _model.Seconds,
            Tokens = _model.Tokens,
            Best = loss < _bestEval,
        });
        _bestEval = Math.Min(_bestEval, loss);
    }

    private void Checkpoint()
    {
        _model.Save(session.Paths, options.FakeCheckpointBytes);
        session.Log.Append(new RunCheckpoint { Step = _model.Step, Path = Path.GetRelativePath(session.Paths.Root, session.Paths.Checkpoint(_model.Step)), Bytes = 128 });
        session.Log.Sync();
    }

    /// <summary>Carries out what was asked; the exit code when that ends the process.</summary>
    private int? Obey()
    {
        while (session.NextCommand(_model.Step) is { } file)
        {
            Checkpoint();
            session.Acknowledge(file, _model.Step);
            if (file.Command == RunCommand.Checkpoint)
                continue;
            if (file.Command == RunCommand.Stop)
                AtomicFolder.Write(session.Paths.Adapter, folder => FakeModel.SaveAdapter(folder, 0));
            session.Log.Append(new RunStateChanged { State = file.Command == RunCommand.Stop ? TrainerState.Stopped : TrainerState.Paused, Step = _model.Step });
            return 0;
        }

        return null;
    }

    private void Misbehave()
    {
        if (session.Log.Attempt > 1)
            return;
        if (_model.Step == options.FakeFailStep)
            throw new PeftException($"The loss is not a number at step {_model.Step}. Lower learning_rate.");
        if (_model.Step == options.FakeTornStep)
        {
            using var log = new FileStream(session.Paths.Events, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            log.Write("{\"kind\":\"step\",\"seq\":"u8);
            Die();
        }

        if (_model.Step == options.FakeCrashStep)
            Die();
    }

    private int Complete()
    {
        session.Log.Append(new RunStateChanged { State = TrainerState.Evaluating, Step = _model.Step });
        AtomicFolder.Write(session.Paths.Adapter, folder => FakeModel.SaveAdapter(folder, 0));
        Directory.CreateDirectory(Path.GetDirectoryName(session.Paths.Predictions("test"))!);
        var answers = new[]
        {
            new RunPrediction { Index = 0, Instruction = "抽取", Input = "甲乙结婚。", Reference = "(甲,配偶,乙)", Output = "(甲,配偶,乙)" },
            new RunPrediction { Index = 1, Instruction = "抽取", Input = "丙生丁。", Reference = "(丁,父母,丙)", Output = "(丙,父母,丁)" },
        };
        File.WriteAllLines(session.Paths.Predictions("test"), answers.Select(answer => System.Text.Json.JsonSerializer.Serialize(answer, RunRequest.Json)));
        session.Log.Append(new RunMetrics
        {
            Step = _model.Step, Split = "test", Records = 2, Precision = 0.5, Recall = 0.5, F1 = 0.5, F1Low = 0.1, F1High = 0.9,
            DevLoss = _model.Loss, TrainSeconds = _model.Seconds, EvalSeconds = 0.1, PeakRss = Environment.WorkingSet, AdapterBytes = 64,
        });
        session.Log.Append(new RunStateChanged { State = TrainerState.Completed, Step = _model.Step });
        return 0;
    }

    /// <summary>Ends as SIGKILL does: nothing is flushed, nobody is told.</summary>
    private static void Die()
    {
        using var self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite);
    }
}
