using Peft.Core.Data;
using Peft.Core.Evaluation;

namespace Peft.Core.Tests.Evaluation;

public sealed class TripleScorerTests
{
    private static readonly Triple s_spouse = new("刘德华", "配偶", "朱丽倩");
    private static readonly Triple s_parent = new("刘向蕙", "父母", "刘德华");

    [Fact]
    public void Score_HeadAndTailSwapped_CountsAsWrong()
    {
        var report = TripleScorer.Score([new ScoredRecord([s_spouse], [new Triple("朱丽倩", "配偶", "刘德华")])]);

        Assert.Equal(new TripleCounts(0, 1, 1), report.Micro);
    }

    [Fact]
    public void Score_NothingPredictedAndNothingWanted_IsUndefinedNotPerfect()
    {
        var report = TripleScorer.Score([new ScoredRecord([], [])]);

        Assert.Null(report.Micro.F1);
        Assert.Null(report.F1Interval);
    }

    [Fact]
    public void Score_SameSeed_GivesTheSameIntervalAroundTheScore()
    {
        ScoredRecord[] records = [.. Enumerable.Range(0, 40).Select(i => new ScoredRecord([s_spouse, s_parent], i % 3 == 0 ? [s_spouse] : [s_spouse, s_parent]))];

        var first = TripleScorer.Score(records, seed: 7);
        var second = TripleScorer.Score(records, seed: 7);

        Assert.Equal(first.F1Interval, second.F1Interval);
        Assert.InRange(first.Micro.F1!.Value, first.F1Interval!.Value.Low, first.F1Interval.Value.High);
    }

    [Fact]
    public void Score_UnreadableAnswers_AreCounted()
    {
        var report = TripleScorer.Score([new ScoredRecord([s_spouse], [], Parsed: false), new ScoredRecord([s_spouse], [s_spouse])]);

        Assert.Equal(0.5, report.ParseFailureRate);
    }
}
