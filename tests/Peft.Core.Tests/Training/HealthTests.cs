using Peft.Core.Training;
using Peft.Core.Training.Health;

namespace Peft.Core.Tests.Training;

public sealed class HealthTests
{
    [Fact]
    public void Step_HealthyRun_SaysNothing() =>
        Assert.Empty(Codes(200, step => (3 * Math.Exp(-step / 60.0)) + 0.5, _ => 1, _ => 100));

    [Fact]
    public void Step_ZeroLoss_IsSaidOnceAndIsLost()
    {
        var found = All(20, step => step < 5 ? 2 : 0, _ => 1, _ => 100);

        var finding = Assert.Single(found, f => f.Code == "loss_zero");
        Assert.True(finding.IsLost);
        Assert.Equal(5, finding.Since);
    }

    [Fact]
    public void Step_LossFarAboveItsBest_IsRising() => Assert.Contains("loss_rising", Codes(60, step => step < 20 ? 2 : 9, _ => 1, _ => 100));

    [Fact]
    public void Step_GradientJumps_IsExploding() => Assert.Contains("gradient_exploding", Codes(60, _ => 2, step => step < 40 ? 1 : 5000, _ => 100));

    [Fact]
    public void Step_OneSpike_IsNoExplosion() => Assert.DoesNotContain("gradient_exploding", Codes(60, _ => 2, step => step == 40 ? 5000 : 1, _ => 100));

    [Fact]
    public void Step_NoGradient_IsVanishing() => Assert.Contains("gradient_vanishing", Codes(30, _ => 2, _ => 1e-9, _ => 100));

    [Fact]
    public void Step_LossStandsStill_IsFlat() => Assert.Contains("loss_flat", Codes(200, _ => 2, _ => 1, _ => 100));

    [Fact]
    public void Step_LossStandsStillAtTheEnd_IsFinished() =>
        Assert.DoesNotContain("loss_flat", Codes(200, step => step < 100 ? 3 - (0.02 * step) : 1, _ => 1, _ => 100));

    [Fact]
    public void Step_Slow_IsACollapse() => Assert.Equal(["throughput_collapse"], Codes(100, step => 3 - (0.02 * step), _ => 1, step => step < 50 ? 100 : 10));

    [Fact]
    public void Evaluation_RisingThreeTimes_IsLearntByHeart()
    {
        var watch = new HealthWatch(new TrainingArguments(), 100);

        var found = new[] { 3, 2.5, 2.6, 2.7, 2.8, 2.9 }.Select((loss, i) => watch.Evaluation(10 * (i + 1), loss)).ToArray();

        var finding = Assert.Single(found, f => f is not null)!;
        Assert.Equal("eval_rising", finding.Code);
        Assert.Equal(30, finding.Since);
    }

    [Theory]
    [InlineData(4, 0, 100, false)]
    [InlineData(4, 4, 100, true)]
    public void Records_ManyCut_AreReported(int cut, int dropped, int records, bool said) =>
        Assert.Equal(said, new HealthWatch(new TrainingArguments(), 100).Records(cut, dropped, records) is not null);

    private static string[] Codes(int steps, Func<int, double> loss, Func<int, double> norm, Func<int, int> speed) => [.. All(steps, loss, norm, speed).Select(f => f.Code)];

    private static List<HealthFinding> All(int steps, Func<int, double> loss, Func<int, double> norm, Func<int, int> speed)
    {
        var watch = new HealthWatch(new TrainingArguments(), steps);
        return [.. Enumerable.Range(1, steps).SelectMany(step => watch.Step(new StepReport(step, loss(step), 0.001, norm(step), 0, speed(step), 1)))];
    }
}
