using System.Globalization;
using System.Text.Json;
using Peft.Core.Runs;

namespace Peft.Cli.Output;

/// <summary>Shows a run's events: bars and a line per thing worth knowing on a terminal, JSON lines or plain text elsewhere.</summary>
internal abstract class EventPrinter : IDisposable
{
    /// <summary>Names for <c>--log</c>.</summary>
    public static readonly string[] Formats = ["auto", "bars", "text", "json"];

    /// <summary>The printer of a format; <c>auto</c> takes bars on a terminal and JSON lines otherwise.</summary>
    public static EventPrinter Create(string format) => format switch
    {
        "bars" => new TerminalPrinter(),
        "text" => new TextPrinter(),
        "auto" when !Console.IsOutputRedirected => new TerminalPrinter(),
        _ => new JsonPrinter(),
    };

    /// <summary>Shows an event.</summary>
    public abstract void Print(RunEvent what);

    public virtual void Dispose() => Console.Out.Flush();

    /// <summary>One line about an event for people.</summary>
    internal static string Line(RunEvent what) => what switch
    {
        RunStateChanged e => e.Message is null ? Text($"state: {e.State}") : Text($"state: {e.State}: {e.Message}"),
        RunModelReady e => Text($"{e.Line}\n{e.TotalSteps} steps, {e.TrainRecords} training records, {e.Dtype} on {e.Device}, {e.Threads} threads"),
        RunStep e => Text($"step {e.Step}  loss {e.Loss:F4}  lr {e.LearningRate:G3}  grad {e.GradNorm:F3}  {e.TokensPerSecond:F0} tokens/s"),
        RunEvalLoss e => Text($"step {e.Step}  dev loss {e.Loss:F4} ({e.Records} records, {e.Seconds:F1} s){Scores(e.Metrics)}{(e.Best ? "  best so far" : "")}"),
        RunSample e => Text($"sample {e.Index + 1}: {e.Output}\n   wanted: {e.Reference}"),
        RunCheckpoint e => Text($"checkpoint {e.Path} ({e.Bytes / 1024:N0} KiB)"),
        RunAlert e => Text($"{e.Severity}: {e.Message}"),
        RunResumed e => Text($"resumed from step {e.FromStep}"),
        RunRanks e => Text($"step {e.Step}  ranks {string.Join("  ", e.Ranks.Select(rank => $"{rank.Key}={rank.Value}"))}"),
        RunProgress e => Text($"{e.Phase} {e.Done}/{e.Total}"),
        RunMetrics { PrimaryMetric: not "f1" } or RunMetrics { TaskType: not "CAUSAL_LM" and not "SEQ_2_SEQ_LM" } => Task((RunMetrics)what),
        RunMetrics e => Text(
            $"{e.Split}: F1 {e.F1:F4} [{e.F1Low:F4}, {e.F1High:F4}]  precision {e.Precision:F4}  recall {e.Recall:F4}  unreadable {e.ParseFailureRate:P1}  ({e.Records} records, trained {e.TrainSeconds:F0} s, decoded {e.EvalSeconds:F0} s, peak {e.PeakRss >> 20} MiB)"),
        RunControlAcknowledged e => Text($"command {e.Command} carried out"),
        _ => what.ToString(),
    };

    private static string Task(RunMetrics e) => Text(
        $"{e.Split}:{Scores(e.Metrics)}  ({e.Records} records, trained {e.TrainSeconds:F0} s, measured {e.EvalSeconds:F0} s, peak {e.PeakRss >> 20} MiB)");

    /// <summary>Scores that are defined, each with its name.</summary>
    internal static string Scores(IReadOnlyDictionary<string, double?> metrics) =>
        string.Concat(metrics.Where(pair => pair.Value is not null).Select(pair => Text($"  {pair.Key} {pair.Value:F4}")));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed class TextPrinter : EventPrinter
    {
        public override void Print(RunEvent what) => Console.Out.WriteLine(Line(what));
    }

    private sealed class JsonPrinter : EventPrinter
    {
        public override void Print(RunEvent what)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(what, RunRequest.Json));
            Console.Out.Flush();
        }
    }
}
