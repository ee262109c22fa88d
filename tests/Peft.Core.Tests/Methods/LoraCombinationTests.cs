using Peft.Core.Methods.Lora;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Methods;

/// <summary>Combined adapters against the sums that they stand for, and against values worked out by hand.</summary>
[Collection(TorchCollection.Name)]
public sealed class LoraCombinationTests
{
    [Fact]
    public void Cat_TwoAdapters_IsTheExactSumOfTheChanges()
    {
        using var scope = NewDisposeScope();
        var parts = Parts(3, 2);
        var (a, b) = LoraCombination.Cat(parts);
        Assert.Equal([5, 6], a.shape);
        Assert.True(allclose(Sum(parts), b.mm(a), 1e-5, 1e-6));
    }

    [Fact]
    public void Svd_WithEnoughRank_IsTheExactSumOfTheChanges()
    {
        using var scope = NewDisposeScope();
        var parts = Parts(3, 2);
        var (a, b) = LoraCombination.Svd(parts, 5);
        Assert.True(allclose(Sum(parts), b.mm(a), 1e-4, 1e-5));
        Assert.Equal([3, 6], LoraCombination.Svd(parts).A.shape);
    }

    [Fact]
    public void Linear_OneAdapterAtWeightOne_ChangesNothingButTheScaling()
    {
        using var scope = NewDisposeScope();
        var part = Parts(3, 3)[0] with { Weight = 1 };
        var (a, b) = LoraCombination.Linear([part]);
        Assert.True(allclose(part.B.mm(part.A) * part.Scaling, b.mm(a), 1e-5, 1e-6));
    }

    [Fact]
    public void Linear_NegativeWeight_TakesTheChangeAway()
    {
        using var scope = NewDisposeScope();
        var part = Parts(3, 3)[0] with { Weight = -0.5 };
        var (a, b) = LoraCombination.Linear([part]);
        Assert.True(allclose(part.B.mm(part.A) * (part.Scaling * -0.5), b.mm(a), 1e-5, 1e-6));
    }

    [Fact]
    public void Ties_ByHand_KeepsTheLargestAndAveragesThoseThatAgree()
    {
        using var scope = NewDisposeScope();
        var first = tensor(new float[] { 4, -1, 3, 0.5f }, 1, 4);
        var second = tensor(new float[] { 2, -5, -1, 1 }, 1, 4);
        var one = ones(1, 1);
        WeightedLora[] parts = [new(first, one, 1, 1), new(second, one, 1, 1)];

        // Half of each is kept: [4, 0, 3, 0] and [2, -5, 0, 0]. Signs elected by sum: +, -, +, +.
        var (a, _) = LoraCombination.Ties(parts, 0.5);
        Assert.Equal([3f, -5f, 3f, 0f], a.reshape(-1).contiguous().data<float>().ToArray());
    }

    [Fact]
    public void Dare_FullDensity_IsTheSameWithoutChance()
    {
        using var scope = NewDisposeScope();
        var parts = Parts(3, 3);
        Assert.True(allclose(LoraCombination.Linear(parts).A, LoraCombination.DareLinear(parts, 1).A));
        Assert.True(allclose(LoraCombination.Ties(parts, 1).B, LoraCombination.DareTies(parts, 1).B));
    }

    [Fact]
    public void Dare_HalfDensity_KeepsTheExpectedSum()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        WeightedLora[] parts = [new(ones(200, 200), ones(4, 200), 1, 1)];
        Assert.Equal(1, LoraCombination.DareLinear(parts, 0.5).A.mean().item<float>(), 0.05);
    }

    [Fact]
    public void Linear_DifferentRanks_NamesThem() =>
        Assert.Contains("3, 2", Assert.Throws<ArgumentException>(() => LoraCombination.Linear(Parts(3, 2))).Message, StringComparison.Ordinal);

    private static WeightedLora[] Parts(int first, int second)
    {
        manual_seed(1);
        return [new(randn(first, 6), randn(7, first), 2, 0.7), new(randn(second, 6), randn(7, second), 0.5, 0.3)];
    }

    private static Tensor Sum(WeightedLora[] parts) =>
        parts.Select(p => p.B.mm(p.A) * (float)(p.Scaling * p.Weight)).Aggregate((sum, next) => sum + next);
}
