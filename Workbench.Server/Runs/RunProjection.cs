using System.Text.Json;
using Peft.Core.Runs;
using Workbench.Client.Contracts;

namespace Workbench.Server.Runs;

/// <summary>What a run's events say so far: a fold over the log that can be stored and continued.</summary>
public sealed record RunProjection
{
    public long LastSeq { get; init; }
    public int Attempt { get; init; }

    /// <summary>The trainer's newest report about itself; null before the first.</summary>
    public TrainerState? Trainer { get; init; }

    public string? Message { get; init; }
    public int Step { get; init; }
    public int TotalSteps { get; init; }
    public double? Loss { get; init; }
    public double? EvalLoss { get; init; }
    public double? TokensPerSecond { get; init; }

    /// <summary>Seconds per step, smoothed over the last steps of this attempt.</summary>
    public double? SecondsPerStep { get; init; }

    /// <summary>Training seconds at <see cref="Step"/>.</summary>
    public double Seconds { get; init; }

    public long? StartedAt { get; init; }
    public long? EndedAt { get; init; }
    public long PeakRss { get; init; }
    public long? TrainableParams { get; init; }
    public long? AllParams { get; init; }
    public string TrainableLine { get; init; } = "";
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
    public RunMetrics? Metrics { get; init; }

    /// <summary>Scores of the newest evaluation while the run goes on.</summary>
    public IReadOnlyDictionary<string, double?> EvalMetrics { get; init; } = new Dictionary<string, double?>();

    /// <summary>Has the trainer said its last word?</summary>
    public bool IsEnded => Trainer is TrainerState.Paused or TrainerState.Completed or TrainerState.Stopped or TrainerState.Failed;

    public double? EtaSeconds => !IsEnded && TotalSteps > 0 && SecondsPerStep is { } pace ? Math.Max(0, TotalSteps - Step) * pace : null;

    public static RunProjection Read(string? json) =>
        string.IsNullOrEmpty(json) ? new RunProjection() : JsonSerializer.Deserialize<RunProjection>(json, RunRequest.Json) ?? new RunProjection();

    public string Write() => JsonSerializer.Serialize(this, RunRequest.Json);

    /// <summary>
    /// The projection after many events. Of steps in a row only the last is folded in: the others would be overwritten, and a log of a hundred
    /// thousand of them is read in the time of a few hundred.
    /// </summary>
    public RunProjection Apply(IReadOnlyList<EventLine> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var next = this;
        for (var i = 0; i < lines.Count; i++)
        {
            if (i + 1 < lines.Count && IsStep(lines[i]) && IsStep(lines[i + 1]))
                continue;
            if (lines[i].Parse() is { } e)
                next = next.Apply(e);
        }

        return next with { LastSeq = lines.Count > 0 ? lines[^1].Seq : LastSeq };
    }

    internal static bool IsStep(EventLine line) => line.Json.Span.StartsWith("{\"kind\":\"step\""u8);

    /// <summary>The projection after one more event.</summary>
    public RunProjection Apply(RunEvent e)
    {
        ArgumentNullException.ThrowIfNull(e);
        var next = this with { LastSeq = e.Seq, Attempt = e.Attempt };
        return e switch
        {
            RunStateChanged state => next with
            {
                Trainer = state.State,
                Message = state.Message,
                StartedAt = StartedAt ?? e.Time,
                EndedAt = state.State is TrainerState.Completed or TrainerState.Stopped or TrainerState.Failed or TrainerState.Paused ? e.Time : null,
            },
            RunModelReady model => next with
            {
                TotalSteps = model.TotalSteps,
                TrainableParams = model.TrainableParams,
                AllParams = model.AllParams,
                TrainableLine = model.Line,
                Environment = new Dictionary<string, string>(model.Environment)
                {
                    ["dtype"] = model.Dtype,
                    ["device"] = model.Device,
                    ["threads"] = model.Threads.ToString(System.Globalization.CultureInfo.InvariantCulture),
                },
            },
            RunStep step => next with
            {
                Step = step.Step,
                Loss = Finite(step.Loss),
                TokensPerSecond = Finite(step.TokensPerSecond),
                Seconds = step.Seconds,
                SecondsPerStep = Pace(step),
                PeakRss = Math.Max(PeakRss, step.Rss),
            },
            RunEvalLoss eval => next with { EvalLoss = Finite(eval.Loss), EvalMetrics = eval.Metrics },
            RunMetrics metrics => next with { Metrics = metrics, EvalLoss = metrics.DevLoss ?? EvalLoss, PeakRss = Math.Max(PeakRss, metrics.PeakRss) },
            RunResumed resumed => next with { Step = resumed.FromStep, SecondsPerStep = null, Metrics = null },
            _ => next,
        };
    }

    /// <summary>The cost and quality of the run as far as they are known; null while nothing is.</summary>
    public RunResult? ToResult()
    {
        if (TrainableParams is null && Metrics is null)
            return null;
        return new RunResult(
            TrainableParams, AllParams, Metrics?.DevLoss ?? EvalLoss, Metrics?.Precision, Metrics?.Recall, Metrics?.F1, Metrics?.F1Low, Metrics?.F1High,
            Metrics?.ParseFailureRate, Metrics?.Records, Metrics?.AdapterBytes, PeakRss > 0 ? PeakRss : null, Metrics?.TrainSeconds ?? Seconds, Metrics?.EvalSeconds,
            [.. (Metrics?.Relations ?? []).Select(r => new RelationScoreDto(r.Relation, r.TruePositives, r.Predicted, r.Gold, r.Precision, r.Recall, r.F1))])
        {
            TaskType = Metrics?.TaskType ?? "CAUSAL_LM",
            Metrics = Metrics?.Metrics ?? [],
            PrimaryMetric = Metrics?.PrimaryMetric ?? "f1",
        };
    }

    private double? Pace(RunStep step)
    {
        var seconds = step.Seconds - Seconds;
        if (step.Step <= Step || seconds <= 0)
            return SecondsPerStep;
        var pace = seconds / (step.Step - Step);
        return SecondsPerStep is { } known ? (known * 0.9) + (pace * 0.1) : pace;
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
