using Peft.Core.Training;
using TorchSharp;

namespace Peft.Core.Tests.Training;

[Collection(TorchCollection.Name)]
public sealed class BatchPlanTests
{
    private static readonly int[] s_lengths = [.. Enumerable.Range(0, 53).Select(i => (i * 37 % 29) + 5)];

    [Fact]
    public void Order_Epoch_IsRandpermOfSeedPlusEpoch()
    {
        var plan = new BatchPlan(s_lengths, 4, 1, seed: 42);
        using var generator = new torch.Generator(44);

        Assert.Equal(torch.randperm(53, generator: generator).data<long>().ToArray().Select(i => (int)i), plan.Order(2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_Epoch_HoldsEveryExampleOnce(bool group)
    {
        var plan = new BatchPlan(s_lengths, 4, 3, seed: 1, group);

        Assert.Equal(5, plan.StepsPerEpoch);
        var steps = Enumerable.Range(5, 5).Select(plan.Step).ToArray();
        Assert.Equal(Enumerable.Range(0, 53), steps.SelectMany(step => step).SelectMany(batch => batch).Order());
        Assert.Equal(2, steps[^1].Count);
    }

    [Fact]
    public void Step_GroupedByLength_PadsLessWithTheSameExamplesPerWindow()
    {
        var plain = new BatchPlan(s_lengths, 2, 1, seed: 5);
        var grouped = new BatchPlan(s_lengths, 2, 1, seed: 5, groupByLength: true);
        static int Padded(BatchPlan plan) => Enumerable.Range(0, plan.StepsPerEpoch).Sum(s => plan.Step(s).Sum(b => b.Length * b.Max(i => s_lengths[i])));
        static IEnumerable<int> Window(BatchPlan plan) => Enumerable.Range(0, 16).SelectMany(s => plan.Step(s)[0]).Order();

        Assert.Equal(Window(plain), Window(grouped));
        Assert.True(Padded(grouped) < Padded(plain));
    }
}
