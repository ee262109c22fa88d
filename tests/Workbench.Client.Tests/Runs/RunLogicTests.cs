using Workbench.Client.Contracts;
using Workbench.Client.Features.Charts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Tests.Runs;

public sealed class RunLogicTests
{
    [Theory]
    [InlineData(RunState.Training, new[] { RunAction.Pause, RunAction.Stop, RunAction.Checkpoint, RunAction.Duplicate })]
    [InlineData(RunState.Interrupted, new[] { RunAction.Resume, RunAction.Duplicate, RunAction.Delete })]
    [InlineData(RunState.Completed, new[] { RunAction.Duplicate, RunAction.Delete })]
    [InlineData(RunState.Stopping, new[] { RunAction.Kill, RunAction.Duplicate })]
    public void Actions_PerState_AreThoseThatWork(RunState state, RunAction[] expected) => Assert.Equal(expected, RunActions.For(state));

    [Fact]
    public void Actions_EveryState_NeverOffersPauseAndResumeTogether()
    {
        foreach (var state in Enum.GetValues<RunState>())
            Assert.False(RunActions.For(state).Contains(RunAction.Pause) && RunActions.For(state).Contains(RunAction.Resume));
    }

    [Fact]
    public void Mark_OneRightOneWrongOneMissing_NamesEach()
    {
        var pieces = TripleText.Mark("(刘德华,配偶,朱丽倩),(刘向蕙,父母,刘)", "(刘德华,配偶,朱丽倩),(刘向蕙,父母,朱丽倩)");

        Assert.Equal(
            [("(刘德华,配偶,朱丽倩)", TripleVerdict.Correct), (",", null), ("(刘向蕙,父母,刘)", TripleVerdict.Wrong), ("(刘向蕙,父母,朱丽倩)", (TripleVerdict?)TripleVerdict.Missing)],
            pieces.Select(piece => (piece.Text, piece.Verdict)));
    }

    [Fact]
    public void Mark_SameTripleTwice_CountsItOnce()
    {
        var verdicts = TripleText.Mark("(a,r,b),(a,r,b)", "(a,r,b)").Select(piece => piece.Verdict).OfType<TripleVerdict>();

        Assert.Equal([TripleVerdict.Correct, TripleVerdict.Wrong], verdicts);
    }

    [Theory]
    [InlineData("无", "无", TripleVerdict.Correct)]
    [InlineData("马塞尔", "(a,r,b)", TripleVerdict.Wrong)]
    public void Mark_AnswerWithoutTriple_IsRightOnlyWhenItIsTheReference(string output, string reference, TripleVerdict expected) =>
        Assert.Equal(expected, TripleText.Mark(output, reference)[0].Verdict);

    [Fact]
    public void Read_StepAndEvalEvents_GivePointsOfTheChosenAxis()
    {
        var points = LivePoints.Read("r1", [
            Samples.Event("""{"kind":"step","seq":1,"step":5,"loss":2.5,"learning_rate":0.1,"tokens":900,"seconds":3.5,"tokens_per_second":300,"rss":1000}"""),
            Samples.Event("""{"kind":"eval","seq":2,"step":5,"loss":2.0,"tokens":900,"train_seconds":3.5}"""),
            Samples.Event("""{"kind":"step","seq":3,"step":6,"loss":"NaN","learning_rate":0.1,"tokens":1100,"seconds":4,"tokens_per_second":300,"rss":1000}"""),
        ], ChartAxis.Tokens);

        var loss = points.Single(batch => batch.Key == "r1/loss");
        Assert.Equal([900.0], loss.X);
        Assert.Equal([2.5], loss.Y);
        Assert.Equal([2.0], points.Single(batch => batch.Key == "r1/eval_loss").Y);
        Assert.Equal([900.0, 1100], points.Single(batch => batch.Key == "r1/learning_rate").X);
        Assert.DoesNotContain(points, batch => batch.Key == "r1/grad_norm");
    }

    [Fact]
    public void Apply_ResumedRun_TakesBackMarksAfterItsPoint()
    {
        var feed = new RunFeed();
        feed.Apply([
            Samples.Event("""{"kind":"checkpoint","seq":1,"step":100,"path":"a"}"""),
            Samples.Event("""{"kind":"eval","seq":2,"step":150,"loss":1.0,"best":true}"""),
            Samples.Event("""{"kind":"sample","seq":3,"step":150,"index":0,"instruction":"","input":"","reference":"","output":""}"""),
            Samples.Event("""{"kind":"resumed","seq":4,"step":100,"from_step":100}"""),
        ]);

        Assert.Equal([new ChartMark(100, "checkpoint", "checkpoint")], feed.Marks(ChartAxis.Step));
        Assert.Empty(feed.Samples);
    }

    [Fact]
    public void Apply_NewEvaluation_ReplacesOlderSamples()
    {
        var feed = new RunFeed();
        feed.Apply([
            Samples.Event("""{"kind":"sample","seq":1,"step":50,"index":0,"instruction":"","input":"i","reference":"r","output":"old"}"""),
            Samples.Event("""{"kind":"sample","seq":2,"step":100,"index":0,"instruction":"","input":"i","reference":"r","output":"new"}"""),
            Samples.Event("""{"kind":"sample","seq":3,"step":100,"index":1,"instruction":"","input":"j","reference":"r","output":"also"}"""),
        ]);

        Assert.Equal(["new", "also"], feed.Samples.Select(sample => sample.Output));
    }

    [Fact]
    public async Task Debounce_ThreeQuickRequests_RunsOnlyTheLast()
    {
        var clock = new HandClock(Samples.Noon);
        using var debouncer = new Debouncer(TimeSpan.FromMilliseconds(250), clock);
        var done = new List<int>();
        Task<bool> Ask(int number) => debouncer.RunAsync(_ =>
        {
            done.Add(number);
            return Task.CompletedTask;
        });

        var (first, second, third) = (Ask(1), Ask(2), Ask(3));
        clock.Advance(TimeSpan.FromMilliseconds(249));
        Assert.Empty(done);
        clock.Advance(TimeSpan.FromMilliseconds(1));

        var ran = await Task.WhenAll(first, second, third);
        Assert.Equal([false, false, true], ran);
        Assert.Equal([3], done);
    }
}
