namespace Peft.Core.Runs;

/// <summary>
/// What counts after resumes: a <see cref="RunResumed"/> takes back the steps, evaluations, samples and checkpoints of older attempts that
/// lie after the step it goes on from, so that a curve never runs backwards.
/// </summary>
public static class EffectiveEvents
{
    /// <summary>The events that count, in their order.</summary>
    public static IReadOnlyList<RunEvent> Of(IEnumerable<RunEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var kept = new List<RunEvent>();
        foreach (var e in events)
        {
            if (e is RunResumed resumed)
                kept.RemoveAll(old => IsPoint(old) && old.Step > resumed.FromStep);
            kept.Add(e);
        }

        return kept;
    }

    /// <summary>Is the event bound to a step, so that going back behind the step takes it back?</summary>
    public static bool IsPoint(RunEvent e) => e is RunStep or RunEvalLoss or RunSample or RunCheckpoint or RunMetrics or RunRanks;
}
