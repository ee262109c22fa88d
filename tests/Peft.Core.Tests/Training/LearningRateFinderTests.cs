using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Tests.Training;

[Collection(TorchCollection.Name)]
public sealed class LearningRateFinderTests
{
    [Fact]
    public void Find_TinyRun_TriesRisingRatesAndWritesNothing()
    {
        using var tiny = new TinyRun();
        var paths = tiny.Order();
        var before = Directory.EnumerateFileSystemEntries(paths.Root, "*", SearchOption.AllDirectories).Count();

        var found = LearningRateFinder.Find(paths, RunDirectory.ReadRequest(paths), steps: 20, from: 1e-5, to: 10);

        Assert.Equal(1e-5, found.Tried[0].LearningRate, 12);
        Assert.All(found.Tried.Zip(found.Tried.Skip(1)), pair => Assert.True(pair.Second.LearningRate > pair.First.LearningRate));
        Assert.True(found.Tried.Count <= 20);
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(paths.Root, "*", SearchOption.AllDirectories).Count());
    }

    [Fact]
    public void Judge_LossFallsAndExplodes_SuggestsWhereItFallsFastest()
    {
        // Falls between 1e-3 and 1e-1 and rises behind.
        var tried = Enumerable.Range(0, 61).Select(i =>
        {
            var exponent = -6 + (i / 10.0);
            var loss = exponent < -3 ? 5 : exponent < -1 ? 5 - (1.5 * (exponent + 3)) : 2 + (10 * (exponent + 1));
            return new TriedRate(Math.Pow(10, exponent), loss, loss);
        }).ToArray();

        var found = LearningRateFinder.Judge(tried, 0.5);

        Assert.InRange(found.Suggested!.Value, 1e-3, 4e-2);
        Assert.Equal(0.5, found.Diverged);
    }

    [Fact]
    public void Judge_LossNeverFalls_SuggestsNothing() =>
        Assert.Null(LearningRateFinder.Judge([.. Enumerable.Range(0, 40).Select(i => new TriedRate(Math.Pow(10, -6 + (i / 10.0)), 5, 5 + (0.01 * i)))], null).Suggested);
}
