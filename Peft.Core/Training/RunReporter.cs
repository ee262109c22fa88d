using System.Globalization;
using System.Runtime.InteropServices;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Tensors;
using Peft.Core.Training.Health;
using Peft.Core.Training.Tasks;

namespace Peft.Core.Training;

/// <summary>Writes what happens in a run into its event log and keeps the running totals.</summary>
internal sealed class RunReporter(TrainerSession session, TrainingArguments arguments) : IDisposable
{
    private readonly LossWindow window = new(arguments);
    private HealthWatch? watch;
    private TensorBoardFile? board;
    private IReadOnlyDictionary<string, int>? ranks;

    /// <summary>Sees every event as it is written.</summary>
    public Action<RunEvent>? Observe { get; set; }

    /// <summary>Optimizer steps of the run.</summary>
    public int TotalSteps { get; set; }

    /// <summary>Totals so far.</summary>
    public TrainerProgress Progress { get; set; } = new();

    /// <summary>Why the run looks lost; null while it does not.</summary>
    public HealthFinding? Lost { get; private set; }

    private HealthWatch Watch => watch ??= new HealthWatch(arguments, TotalSteps);

    /// <summary>Model and adapter are in memory.</summary>
    public void Ready(RunSetup setup)
    {
        Ready(setup.Count, setup.Model.DType, setup.Train?.Records ?? 0, (setup.Train?.CutRecords ?? 0) + (setup.Train?.DroppedRecords ?? 0));
        foreach (var warning in setup.Warnings)
            Alert("warning", "setting_doubtful", $"{warning.Field}: {warning.Message}");
        if (setup.Model.Initialised.Count > 0)
            Alert("info", "head_drawn", $"{string.Join(", ", setup.Model.Initialised)}: not in the files of the base, so it starts from random values.");
        if (setup.Train is { } train)
            Limited(train);
    }

    /// <summary>Says what the length limit did to the training records; of records that are read while training this is known afterwards.</summary>
    public void Limited(TaskSplit train)
    {
        if (train.CutRecords + train.DroppedRecords == 0)
            return;
        if (arguments.HealthChecks && Watch.Records(train.CutRecords, train.DroppedRecords, train.SeenRecords + train.DroppedRecords) is { } many)
        {
            Find(many);
        }
        else
        {
            Alert("warning", "records_cut", string.Create(
                CultureInfo.InvariantCulture,
                $"max_length {arguments.MaxLength}: {train.CutRecords} training records lost {train.CutTokens} tokens, {train.DroppedRecords} were left out."));
        }
    }

    /// <summary>A model is in memory.</summary>
    public void Ready(ParameterCount count, TorchSharp.torch.ScalarType dtype, int records, int cutRecords = 0) => Append(new RunModelReady
    {
        TrainableParams = count.Trainable,
        AllParams = count.All,
        Line = count.Line,
        Dtype = DTypes.Name(dtype),
        Device = session.Request.Device,
        Threads = TorchRuntime.Threads,
        TotalSteps = TotalSteps,
        TrainRecords = records,
        CutRecords = cutRecords,
        Environment = Environment(),
    });

    /// <summary>The trainer entered a state.</summary>
    public void State(TrainerState state, string? message = null)
    {
        Append(new RunStateChanged { State = state, Message = message });
        session.Log.Sync();
    }

    /// <summary>An optimizer step was made.</summary>
    public void Step(StepReport step)
    {
        Progress = Progress with { Step = step.Step, Tokens = Progress.Tokens + step.Tokens, Seconds = Progress.Seconds + step.Seconds };
        if (window.Add(step.Step, step.Loss, step.Step == TotalSteps) is { } mean)
        {
            Append(new RunStep
            {
                Loss = mean,
                LearningRate = step.LearningRate,
                GradNorm = step.GradNorm,
                Epoch = step.Epoch,
                Tokens = Progress.Tokens,
                TokensPerSecond = step.Tokens / step.Seconds,
                Seconds = Progress.Seconds,
                Rss = ProcessMemory.Resident,
            });
        }

        if (step.Ranks is { } moved && (ranks is null || moved.Any(pair => ranks[pair.Key] != pair.Value)))
        {
            ranks = moved;
            Append(new RunRanks { Ranks = moved });
        }

        foreach (var finding in arguments.HealthChecks ? Watch.Step(step) : [])
            Find(finding);
    }

    /// <summary>Loss or gradient are no numbers any more.</summary>
    public void Diverged(DivergenceException error) =>
        Find(new HealthFinding("loss_not_finite", error.Message, Progress.Step + 1, IsLost: true));

    /// <summary>Opens the event file for TensorBoard, where one is asked for.</summary>
    public void OpenBoard(DateTimeOffset now)
    {
        if (arguments.ReportTo != "tensorboard")
            return;
        try
        {
            board = TensorBoardFile.Open(session.Paths.TensorBoard, now, session.Log.Attempt > 1 ? Progress.Step : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Alert("warning", "tensorboard_failed", $"{session.Paths.TensorBoard}: no event file can be written: {e.Message} The run goes on without.");
        }
    }

    /// <inheritdoc />
    public void Dispose() => board?.Dispose();

    /// <summary>The dev loss was measured, and scores where they cost no writing.</summary>
    public void EvalLoss(double loss, int records, double seconds, IReadOnlyDictionary<string, double?>? metrics)
    {
        var best = Progress.BestEvalLoss is not { } before || loss < before;
        Progress = Progress with { BestEvalLoss = best ? loss : Progress.BestEvalLoss, LastEvalStep = Progress.Step };
        Append(new RunEvalLoss
        {
            Loss = loss,
            Records = records,
            Seconds = seconds,
            TrainSeconds = Progress.Seconds,
            Tokens = Progress.Tokens,
            Best = best,
            Metrics = new Dictionary<string, double?>(metrics ?? new Dictionary<string, double?>()),
        });
        if (arguments.HealthChecks && Watch.Evaluation(Progress.Step, loss) is { } finding)
            Find(finding);
    }

    /// <summary>Answers to be looked at.</summary>
    public void Samples(IReadOnlyList<RunPrediction> samples)
    {
        foreach (var sample in samples)
            Append(new RunSample { Index = sample.Index, Instruction = sample.Instruction, Input = sample.Input, Reference = sample.Reference, Output = sample.Output });
    }

    /// <summary>A phase without optimizer steps has come so far.</summary>
    public void Phase(string phase, int done, int total) => Append(new RunProgress { Phase = phase, Done = done, Total = total });

    /// <summary>A checkpoint is complete.</summary>
    public void Checkpoint(string path, long bytes)
    {
        Append(new RunCheckpoint { Path = path.Replace('\\', '/'), Bytes = bytes });
        session.Log.Sync();
    }

    /// <summary>Something a person should know.</summary>
    public void Alert(string severity, string code, string message) => Append(new RunAlert { Severity = severity, Code = code, Message = message });

    /// <summary>The task scores.</summary>
    public void Metrics(TaskResult result, ModelTask task, string split, double? devLoss, double seconds, long adapterBytes) => Append(new RunMetrics
    {
        TaskType = task.Name(),
        Metrics = new Dictionary<string, double?>(result.Report.Metrics),
        PrimaryMetric = result.Report.Primary,
        Split = split,
        Records = result.Predictions.Count,
        Precision = result.Report.Metrics.GetValueOrDefault("precision"),
        Recall = result.Report.Metrics.GetValueOrDefault("recall"),
        F1 = result.Report.Metrics.GetValueOrDefault("f1"),
        F1Low = result.Report.Triples?.F1Interval?.Low,
        F1High = result.Report.Triples?.F1Interval?.High,
        ParseFailureRate = result.Report.Triples?.ParseFailureRate ?? 0,
        Relations = [.. (result.Report.Triples?.ByRelation ?? []).Select(pair => new RelationScore(
            pair.Key, pair.Value.TruePositives, pair.Value.Predicted, pair.Value.Gold, pair.Value.Precision, pair.Value.Recall, pair.Value.F1))],
        DevLoss = devLoss,
        TrainSeconds = Progress.Seconds,
        EvalSeconds = seconds,
        PeakRss = ProcessMemory.Peak,
        AdapterBytes = adapterBytes,
    });

    private static Dictionary<string, string> Environment() => new()
    {
        ["engine"] = typeof(RunReporter).Assembly.GetName().Version?.ToString(3) ?? "",
        ["torchsharp"] = typeof(TorchSharp.torch).Assembly.GetName().Version?.ToString(3) ?? "",
        ["libtorch"] = TorchSharp.torch.__version__,
        ["runtime"] = RuntimeInformation.FrameworkDescription,
        ["os"] = RuntimeInformation.OSDescription,
        ["cores"] = System.Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
        ["bfloat16_fast"] = TorchRuntime.CpuBFloat16IsFast ? "true" : "false",
    };

    private void Append<T>(T what)
        where T : RunEvent
    {
        var written = session.Log.Append(what with { Step = Progress.Step });
        Observe?.Invoke(written);
        WriteBoard(written);
    }

    private void Find(HealthFinding finding)
    {
        Alert(finding.Severity, finding.Code, finding.Message);
        if (finding.IsLost)
            Lost ??= finding;
    }

    /// <summary>A full disk costs the event file and not the run.</summary>
    private void WriteBoard(RunEvent written)
    {
        try
        {
            board?.Write(written);
        }
        catch (IOException e)
        {
            board?.Dispose();
            board = null;
            Alert("warning", "tensorboard_failed", $"{session.Paths.TensorBoard}: no event file can be written: {e.Message} The run goes on without.");
        }
    }
}
