using Peft.Core.Runs;
using Workbench.Server.Runs;

namespace Workbench.Server.Tests.Methods;

/// <summary>The history of ranks as the heat map gets it.</summary>
public sealed class RankReaderTests : IDisposable
{
    private readonly RunPaths _paths = new(Directory.CreateTempSubdirectory("workbench-ranks-").FullName);

    public void Dispose() => Directory.Delete(_paths.Root, recursive: true);

    [Fact]
    public void Read_AResumedRun_LeavesOutWhatTheResumeTookBack()
    {
        Write(Ranks(1, 10, 3, 3), Ranks(2, 20, 3, 2), Ranks(3, 30, 2, 1), """{"kind":"resumed","seq":4,"attempt":2,"step":20,"from_step":20}""", Ranks(5, 40, 3, 1));

        var history = RankReader.Read(_paths);

        Assert.Equal(["a", "b"], history.Modules);
        Assert.Equal([10, 20, 40], history.Steps);
        Assert.Equal([3, 1], history.Ranks[^1]);
    }

    [Fact]
    public void Read_ALongHistory_IsThinnedOutWithBothEnds()
    {
        Write([.. Enumerable.Range(1, 1000).Select(i => Ranks(i, i, 9, 9))]);

        var history = RankReader.Read(_paths);

        Assert.Equal(RankReader.MaxColumns, history.Steps.Count);
        Assert.Equal((1, 1000), (history.Steps[0], history.Steps[^1]));
        Assert.Equal(history.Steps, history.Steps.Distinct());
    }

    [Fact]
    public void Read_WithoutRanks_IsEmpty()
    {
        Write("""{"kind":"progress","seq":1,"attempt":1,"step":0,"phase":"load","done":0,"total":1}""");
        Assert.Empty(RankReader.Read(_paths).Modules);
    }

    private static string Ranks(int seq, int step, int a, int b) =>
        $$"""{"kind":"ranks","seq":{{seq}},"attempt":1,"step":{{step}},"ranks":{"a":{{a}},"b":{{b}} } }""";

    private void Write(params string[] lines) => File.WriteAllText(_paths.Events, string.Concat(lines.Select(line => line + "\n")));
}
