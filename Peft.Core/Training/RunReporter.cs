using System.Globalization;
using System.Runtime.InteropServices;
using Peft.Core.Data;
using Peft.Core.Evaluation;
using Peft.Core.Methods;
using Peft.Core.Runs;
using Peft.Core.Runtime;
using Peft.Core.Tensors;

namespace Peft.Core.Training;

/// <summary>Writes what happens in a run into its event log and keeps the running totals.</summary>
internal sealed class RunReporter(TrainerSession session, TrainingArguments arguments)
{
    private const int PatienceSteps = 10;
    private readonly LossWatch watch = new(PatienceSteps);
    private double lossSum;
    private int lossCount;

    /// <summary>Sees every event as it is written.</summary>
    public Action<RunEvent>? Observe { get; set; }

    /// <summary>Optimizer steps of the run.</summary>
    public int TotalSteps { get; set; }

    /// <summary>Totals so far.</summary>
    public TrainerProgress Progress { get; set; } = new();

    /// <summary>Model and adapter are in memory.</summary>
    public void Ready(RunSetup setup)
    {
        Ready(setup.Count, setup.Model.DType, setup.Train.Examples.Count, setup.Train.CutRecords + setup.Train.DroppedRecords);
        foreach (var warning in setup.Warnings)
            Alert("warning", "setting_doubtful", $"{warning.Field}: {warning.Message}");
        var train = setup.Train;
        if (train.CutRecords + train.DroppedRecords > 0)
        {
            Alert("warning", "records_cut", string.Create(
                CultureInfo.InvariantCulture,
                $"max_length {setup.Arguments.MaxLength}: {train.CutRecords} training records lost {train.CutTokens} tokens, {train.DroppedRecords} were left out."));
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
        lossSum += step.Loss;
        lossCount++;
        if (step.Step % arguments.LoggingSteps == 0 || step.Step == 1 || step.Step == TotalSteps)
        {
            Append(new RunStep
            {
                Loss = lossSum / lossCount,
                LearningRate = step.LearningRate,
                GradNorm = step.GradNorm,
                Epoch = step.Epoch,
                Tokens = Progress.Tokens,
                TokensPerSecond = step.Tokens / step.Seconds,
                Seconds = Progress.Seconds,
                Rss = ProcessMemory.Resident,
            });
            (lossSum, lossCount) = (0, 0);
        }

        if (watch.Diverges(step.Loss))
        {
            Alert("warning", "loss_rising", string.Create(
                CultureInfo.InvariantCulture,
                $"The loss has been more than twice its best for {PatienceSteps} steps (now {step.Loss:F3}). Training may be diverging: try a lower learning_rate."));
        }
    }

    /// <summary>The dev loss was measured.</summary>
    public void EvalLoss(double loss, int records, double seconds, Dictionary<string, double?>? metrics = null)
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
            Metrics = metrics ?? [],
        });
    }

    /// <summary>Answers were generated to be looked at.</summary>
    public void Samples(IReadOnlyList<InstructionRecord> records, IReadOnlyList<string> answers)
    {
        for (var i = 0; i < records.Count; i++)
        {
            var record = records[i];
            Append(new RunSample { Index = i, Instruction = record.Instruction, Input = record.Input, Reference = record.Output, Output = answers[i] });
        }
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
    public void Metrics(TripleReport report, string split, int records, double? devLoss, double seconds, long adapterBytes) => Append(new RunMetrics
    {
        Split = split,
        Records = records,
        Precision = report.Micro.Precision,
        Recall = report.Micro.Recall,
        F1 = report.Micro.F1,
        F1Low = report.F1Interval?.Low,
        F1High = report.F1Interval?.High,
        ParseFailureRate = report.ParseFailureRate,
        Relations = [.. report.ByRelation.Select(pair => new RelationScore(
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
    }

    /// <summary>Notices a loss that stays far above its best.</summary>
    private sealed class LossWatch(int patience)
    {
        private double smooth = double.NaN;
        private double best = double.PositiveInfinity;
        private int above;

        public bool Diverges(double loss)
        {
            smooth = double.IsNaN(smooth) ? loss : (0.8 * smooth) + (0.2 * loss);
            best = Math.Min(best, smooth);
            above = smooth > 2 * best && smooth > 1 ? above + 1 : 0;
            return above == patience;
        }
    }
}
