using System.Globalization;
using Microsoft.Extensions.Localization;
using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Runs;

/// <summary>The sentence above the list of runs: what is going on, and the best of today.</summary>
public sealed class RunsHeadline(IStringLocalizer<RunsText> text, MethodNames methods, TimeProvider clock)
{
    public string Write(IReadOnlyCollection<RunSummary> runs)
    {
        if (runs.Count == 0)
            return text["headlineEmpty"];
        var parts = new List<string>();
        Count(parts, "headlineRunning", runs.Count(run => RunActions.IsActive(run.State)));
        Count(parts, "headlineQueued", runs.Count(run => run.State == RunState.Queued));
        Count(parts, "headlinePaused", runs.Count(run => run.State == RunState.Paused));
        Count(parts, "headlineInterrupted", runs.Count(run => run.State == RunState.Interrupted));
        if (parts.Count == 0)
            parts.Add(text["headlineIdle", runs.Count]);
        if (Best(runs) is { } best)
            parts.Add(text[IsToday(best) ? "headlineBestToday" : "headlineBest", Score(best.Result!.F1!.Value), best.Name.Length > 0 ? best.Name : methods.Of(best.PeftType)]);
        return string.Join(text["listSeparator"], parts) + text["sentenceEnd"];
    }

    /// <summary>The best of today where today has one, otherwise of all.</summary>
    public RunSummary? Best(IReadOnlyCollection<RunSummary> runs)
    {
        var scored = runs.Where(run => run.Result?.F1 is not null).ToArray();
        return scored.Where(IsToday).MaxBy(run => run.Result!.F1) ?? scored.MaxBy(run => run.Result!.F1);
    }

    private static string Score(double value) => value.ToString("0.00", CultureInfo.CurrentCulture);

    private void Count(List<string> parts, string key, int count)
    {
        if (count > 0)
            parts.Add(text[key, count]);
    }

    private bool IsToday(RunSummary run) => run.EndedAt?.ToLocalTime().Date == clock.GetLocalNow().Date;
}
