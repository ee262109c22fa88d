using System.Text.Json;
using Workbench.Client.Features.Charts;

namespace Workbench.Client.Features.Runs;

/// <summary>A generated answer of the newest evaluation beside its reference.</summary>
public sealed record FeedSample(int Step, int Index, string Instruction, string Input, string Reference, string Output);

/// <summary>The task's score at the newest evaluation that measured one.</summary>
public sealed record FeedScore(string Metric, double Value);

/// <summary>Something a person should know about the run.</summary>
public sealed record FeedAlert(int Step, string Severity, string Code, string Message);

/// <summary>How far a phase without optimizer steps has come.</summary>
public sealed record FeedProgress(string Phase, int Done, int Total);

/// <summary>Numbers of the newest optimizer step.</summary>
public sealed record FeedStep(int Step, double Epoch, double? Loss, double? LearningRate, double? GradNorm, double? TokensPerSecond, double? Memory);

/// <summary>What the page keeps of a run's events besides the points of the curves, which go straight to the charts.</summary>
public sealed class RunFeed
{
    private readonly List<Mark> _marks = [];
    private readonly List<FeedSample> _samples = [];
    private double _tokens;
    private double _seconds;

    public FeedStep? Last { get; private set; }

    public FeedProgress? Progress { get; private set; }

    public List<FeedAlert> Alerts { get; } = [];

    public double? BestEvalLoss { get; private set; }

    public FeedScore? Score { get; private set; }

    /// <summary>How often ranks have moved so far, as far as this page saw it; a resume counts, since it may take moves back.</summary>
    public int RankMoves { get; private set; }

    /// <summary>Samples of the newest evaluation that has any.</summary>
    public IReadOnlyList<FeedSample> Samples => _samples;

    public void Apply(IReadOnlyList<JsonElement> events)
    {
        foreach (var item in events)
        {
            var step = (int)(LivePoints.Number(item, "step") ?? 0);
            switch (LivePoints.Kind(item))
            {
                case "step":
                    TakeStep(item, step);
                    break;
                case "eval":
                    TakeEval(item, step);
                    break;
                case "sample":
                    TakeSample(item, step);
                    break;
                case "checkpoint":
                    _marks.Add(new("checkpoint", step, _tokens, _seconds));
                    break;
                case "alert":
                    _marks.Add(new("alert", step, _tokens, _seconds));
                    Alerts.Add(new(step, Text(item, "severity"), Text(item, "code"), Text(item, "message")));
                    break;
                case "progress":
                    Progress = new(Text(item, "phase"), (int)(LivePoints.Number(item, "done") ?? 0), (int)(LivePoints.Number(item, "total") ?? 0));
                    break;
                case "state":
                    Progress = null;
                    break;
                case "ranks":
                    RankMoves++;
                    break;
                case "resumed":
                    RankMoves++;
                    Supersede((int)(LivePoints.Number(item, "from_step") ?? 0));
                    break;
            }
        }
    }

    /// <summary>Signs for the chart at their place on the chosen axis.</summary>
    public IReadOnlyList<ChartMark> Marks(ChartAxis axis) => [.. _marks.Select(mark => new ChartMark(
        axis switch { ChartAxis.Tokens => mark.Tokens, ChartAxis.Time => mark.Seconds, _ => mark.Step }, mark.Kind, mark.Kind))];

    private void TakeStep(JsonElement item, int step)
    {
        _tokens = LivePoints.Number(item, "tokens") ?? _tokens;
        _seconds = LivePoints.Number(item, "seconds") ?? _seconds;
        Progress = null;
        Last = new(step, LivePoints.Number(item, "epoch") ?? 0, LivePoints.Number(item, ChartMetric.Loss), LivePoints.Number(item, ChartMetric.LearningRate),
            LivePoints.Number(item, ChartMetric.GradNorm), LivePoints.Number(item, ChartMetric.TokensPerSecond), LivePoints.Number(item, ChartMetric.Memory));
    }

    private void TakeEval(JsonElement item, int step)
    {
        if (LivePoints.Score(item) is var (metric, value))
            Score = new(metric, value);
        if (!item.TryGetProperty("best", out var best) || best.ValueKind != JsonValueKind.True)
            return;
        BestEvalLoss = LivePoints.Number(item, "loss");
        _marks.RemoveAll(mark => mark.Kind == "best");
        _marks.Add(new("best", step, LivePoints.Number(item, "tokens") ?? _tokens, LivePoints.Number(item, "train_seconds") ?? _seconds));
    }

    private void TakeSample(JsonElement item, int step)
    {
        if (_samples.Count > 0 && _samples[0].Step != step)
            _samples.Clear();
        var index = (int)(LivePoints.Number(item, "index") ?? 0);
        _samples.RemoveAll(sample => sample.Index == index);
        _samples.Add(new(step, index, Text(item, "instruction"), Text(item, "input"), Text(item, "reference"), Text(item, "output")));
    }

    private void Supersede(int fromStep)
    {
        _marks.RemoveAll(mark => mark.Step > fromStep);
        _samples.RemoveAll(sample => sample.Step > fromStep);
        Alerts.RemoveAll(alert => alert.Step > fromStep);
    }

    private static string Text(JsonElement item, string name) => item.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

    private sealed record Mark(string Kind, int Step, double Tokens, double Seconds);
}
