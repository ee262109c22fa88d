using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Compare;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Tests.Runs;

public sealed class HeadlineTests : RunPagesContext
{
    private RunsHeadline Runs => Services.GetRequiredService<RunsHeadline>();

    private CompareHeadline Compare => Services.GetRequiredService<CompareHeadline>();

    [Fact]
    public void Runs_TwoRunningOneQueuedOneScored_SaysSo()
    {
        var sentence = Runs.Write(
        [
            Samples.Run("a", state: RunState.Training), Samples.Run("b", state: RunState.Evaluating), Samples.Run("c", state: RunState.Queued, queue: 1),
            Samples.Run("d", f1: 0.834, name: "LoRA r=8"), Samples.Run("e", f1: 0.5),
        ]);

        Assert.Equal("2 running, 1 queued, best F1 today 0.83 (LoRA r=8).", sentence);
    }

    [Fact]
    public void Runs_BestFromYesterday_IsNotCalledToday()
    {
        Clock.Advance(TimeSpan.FromDays(1));

        Assert.Equal("Nothing running, 1 in the list, best F1 so far 0.80 (LoRA).", Runs.Write([Samples.Run("d", f1: 0.8)]));
    }

    [Fact]
    public void Compare_IntervalsApart_NamesLeadAndCost()
    {
        var sentence = Compare.Write(
        [
            Samples.Run("a", f1: 0.67, low: 0.64, high: 0.70, trainable: 311_296), Samples.Run("b", "BITFIT", f1: 0.43, low: 0.40, high: 0.46, trainable: 20_480),
        ]);

        Assert.Contains("LoRA is ahead of BitFit by 0.24 F1 (it reaches 0.67).", sentence, StringComparison.Ordinal);
        Assert.Contains("do not overlap", sentence, StringComparison.Ordinal);
        Assert.Contains("LoRA trains 15 times the parameters of BitFit.", sentence, StringComparison.Ordinal);
        Assert.Contains("One seed each", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_IntervalsOverlap_SaysItMayBeChance() => Assert.Contains(
        "overlap: the lead may be chance",
        Compare.Write([Samples.Run("a", f1: 0.67, low: 0.60, high: 0.74), Samples.Run("b", "BITFIT", f1: 0.63, low: 0.56, high: 0.70)]), StringComparison.Ordinal);

    [Fact]
    public void Compare_SeedsOfOneComparison_AreJudgedTogether()
    {
        var sentence = Compare.Write(
        [
            Samples.Run("a", f1: 0.66, comparison: "c"), Samples.Run("b", f1: 0.70, comparison: "c"),
            Samples.Run("c", "BITFIT", f1: 0.40, comparison: "c"), Samples.Run("d", "BITFIT", f1: 0.44, comparison: "c"),
        ]);

        Assert.Contains("LoRA is ahead of BitFit by 0.26 F1 (it reaches 0.68).", sentence, StringComparison.Ordinal);
        Assert.Contains("Every seed of the first beats every seed of the second.", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("One seed each", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_OtherDatasetAndUnfinished_NamesBothCaveats()
    {
        var sentence = Compare.Write([Samples.Run("a", f1: 0.6), Samples.Run("b", "BITFIT", f1: 0.5, dataset: "d2"), Samples.Run("c", "FULL", RunState.Training)]);

        Assert.Contains("Not finished: 1.", sentence, StringComparison.Ordinal);
        Assert.Contains("different datasets", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_NoScoreYet_ClaimsNoWinner()
    {
        var sentence = Compare.Write([Samples.Run("a", state: RunState.Training, evalLoss: 0.5), Samples.Run("b", "BITFIT", RunState.Training, evalLoss: 0.7)]);

        Assert.StartsWith("No run has a test score yet; LoRA has the lowest dev loss", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_InChinese_SpeaksChinese()
    {
        SetCulture("zh-CN");

        Assert.Contains("LoRA 比 BitFit 的 F1 高 0.24", Compare.Write([Samples.Run("a", f1: 0.67), Samples.Run("b", "BITFIT", f1: 0.43)]), StringComparison.Ordinal);
    }
}
