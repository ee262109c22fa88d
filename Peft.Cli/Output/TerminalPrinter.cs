using System.Globalization;
using Peft.Core.Runs;
using Spectre.Console;

namespace Peft.Cli.Output;

/// <summary>A progress line that is drawn over in place, with everything worth keeping above it.</summary>
internal sealed class TerminalPrinter : EventPrinter
{
    private const int BarWidth = 30;
    private int total;
    private bool drawn;

    public override void Print(RunEvent what)
    {
        switch (what)
        {
            case RunModelReady ready:
                total = ready.TotalSteps;
                Keep(Line(ready), "bold");
                break;
            case RunStep step:
                Draw("train", step.Step, total, Invariant($"loss {step.Loss:F4}  {step.TokensPerSecond:F0} tok/s  {Remaining(step)}"));
                break;
            case RunProgress progress:
                Draw(progress.Phase, progress.Done, progress.Total, "");
                break;
            case RunAlert alert:
                Keep(Line(alert), alert.Severity == "error" ? "red" : "yellow");
                break;
            case RunStateChanged { State: TrainerState.Failed } failed:
                Keep(Line(failed), "red");
                break;
            case RunMetrics metrics:
                Keep(Line(metrics), "green");
                break;
            default:
                Keep(Line(what), "grey");
                break;
        }
    }

    public override void Dispose()
    {
        Clear();
        base.Dispose();
    }

    private string Remaining(RunStep step)
    {
        if (step.Step == 0 || total == 0)
            return "";
        var left = TimeSpan.FromSeconds(step.Seconds / step.Step * (total - step.Step));
        return string.Create(CultureInfo.InvariantCulture, $"{(int)left.TotalMinutes}:{left.Seconds:00} left");
    }

    private void Draw(string phase, int done, int all, string note)
    {
        var share = all > 0 ? (double)done / all : 0;
        var filled = (int)Math.Round(share * BarWidth);
        Clear();
        AnsiConsole.Markup(Invariant($"{phase,-6}[blue]{new string('━', filled)}[/][grey]{new string('─', BarWidth - filled)}[/] {done}/{all}  ") + Markup.Escape(note));
        drawn = true;
    }

    private void Keep(string text, string style)
    {
        Clear();
        AnsiConsole.MarkupLine($"[{style}]{Markup.Escape(text)}[/]");
    }

    private void Clear()
    {
        if (drawn)
            Console.Write("\r\u001b[2K");
        drawn = false;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
