using Peft.Core.Runs;

namespace Peft.Core.Tests.Runs;

public sealed class RunDirectoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("peft-runs-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Create_Twice_IsRefusedAndLeavesNothingAside()
    {
        var paths = Create();

        var refusal = Assert.Throws<PeftException>(() => Create());

        Assert.Contains("exists already", refusal.Message, StringComparison.Ordinal);
        Assert.Equal([paths.Root], Directory.GetFileSystemEntries(_folder));
        Assert.Equal("a", RunDirectory.ReadRequest(paths).Id);
    }

    [Theory]
    [InlineData("{\n \"id\": \"a\",\n oops", "line 3")]
    [InlineData("{\"id\":\"a\"}", "base_model")]
    [InlineData("{\"schema_version\":9,\"id\":\"a\",\"base_model\":\"m\",\"dataset\":\"d\",\"peft\":{}}", "schema_version 9 is newer")]
    public void ReadRequest_BadFile_NamesTheCulprit(string json, string wanted)
    {
        var paths = Create();
        File.WriteAllText(paths.Request, json);

        var refusal = Assert.Throws<PeftException>(() => RunDirectory.ReadRequest(paths));

        Assert.Contains("run.json", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(wanted, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadRequest_OfSomeFolder_SaysThatItIsNoRun()
    {
        var refusal = Assert.Throws<PeftException>(() => RunDirectory.ReadRequest(new RunPaths(_folder)));

        Assert.Contains("is no run directory", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TrainerLock_HeldByOne_RefusesAnotherUntilItIsGone()
    {
        var paths = Create();
        using (TrainerLock.Acquire(paths))
        {
            Assert.True(TrainerLock.IsHeld(paths));
            Assert.Contains("another trainer", Assert.Throws<PeftException>(() => TrainerLock.Acquire(paths)).Message, StringComparison.Ordinal);
        }

        Assert.False(TrainerLock.IsHeld(paths));
        TrainerLock.Acquire(paths).Dispose();
    }

    [Fact]
    public void EventLog_ReopenedAfterATornLine_GoesOnWithTheNextNumber()
    {
        var paths = Create();
        using (var first = EventLogWriter.Open(paths))
            Append(first, 1, 2, 3);
        File.AppendAllText(paths.Events, "{\"kind\":\"step\",\"lo");
        var reader = new EventLogReader(paths);
        Assert.Equal(3, reader.ReadNew().Count);

        using var second = EventLogWriter.Open(paths);
        Append(second, 4);

        Assert.Equal((18, 2, 4), (second.CutBytes, second.Attempt, second.LastSeq));
        Assert.Equal([4L], reader.ReadNew().Select(line => line.Seq));
        Assert.Equal([1L, 2, 3, 4], EventLogReader.ReadAll(paths).Select(e => e.Seq));
    }

    [Fact]
    public void EventLog_EndingInZeros_IsCutToTheLastReadableLine()
    {
        var paths = Create();
        using (var first = EventLogWriter.Open(paths))
            Append(first, 1, 2);
        File.AppendAllText(paths.Events, new string('\0', 300) + "\n" + new string('\0', 100));

        using var second = EventLogWriter.Open(paths);

        Assert.Equal((2, 401), (second.LastSeq, second.CutBytes));
    }

    [Fact]
    public void EventLogReader_FromANumber_ReturnsOnlyWhatIsNew()
    {
        var paths = Create();
        using var log = EventLogWriter.Open(paths);
        Append(log, [.. Enumerable.Range(1, 2000)]);
        var reader = new EventLogReader(paths, afterSeq: 1500);

        var seqs = new List<long>();
        for (var lines = reader.ReadNew(); lines.Count > 0; lines = reader.ReadNew())
            seqs.AddRange(lines.Select(line => line.Seq));

        Assert.Equal(Enumerable.Range(1501, 500).Select(n => (long)n), seqs);
    }

    [Fact]
    public void EventLogReader_EventLargerThanItsWindow_IsReadWhole()
    {
        var paths = Create();
        using var log = EventLogWriter.Open(paths);
        log.Append(new RunAlert { Severity = "info", Code = "long", Message = new string('长', 100_000) });
        Append(log, 1);

        var events = EventLogReader.ReadAll(paths).ToArray();

        Assert.Equal(100_000, Assert.IsType<RunAlert>(events[0]).Message.Length);
        Assert.Equal(2, events.Length);
    }

    [Fact]
    public void EventLogReader_UnknownKind_IsPassedOnButNotParsed()
    {
        var paths = Create();
        File.WriteAllText(paths.Events, "{\"kind\":\"hologram\",\"seq\":1}\n");

        Assert.Null(Assert.Single(new EventLogReader(paths).ReadNew()).Parse());
        Assert.Empty(EventLogReader.ReadAll(paths));
    }

    [Fact]
    public void EffectiveEvents_AfterAResume_TakeBackLaterPoints()
    {
        RunEvent[] events = [Step(1), Step(2), Step(3), new RunResumed { FromStep = 1, Step = 1 }, Step(2)];

        Assert.Equal([1, 2], EffectiveEvents.Of(events).OfType<RunStep>().Select(step => step.Step));
    }

    [Fact]
    public void AtomicFolder_FailingHalfWay_LeavesTheOldOneAlone()
    {
        var target = Path.Combine(_folder, "checkpoint");
        AtomicFolder.Write(target, folder => File.WriteAllText(Path.Combine(folder, "state"), "old"));

        Assert.Throws<PeftException>(() => AtomicFolder.Write(target, folder =>
        {
            File.WriteAllText(Path.Combine(folder, "state"), "new");
            throw new IOException("No space left on device");
        }));

        Assert.Equal("old", File.ReadAllText(Path.Combine(target, "state")));
        Assert.Equal([target], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task AtomicFolder_Replaced_IsWholeAtEveryMoment()
    {
        var target = Path.Combine(_folder, "checkpoint");
        void Write(int round) => AtomicFolder.Write(target, folder => File.WriteAllText(Path.Combine(folder, "state"), $"{round}"));
        Write(0);
        using var stop = new CancellationTokenSource();
        var missing = 0;
        var looker = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                missing += Directory.Exists(target) ? 0 : 1;
        });

        for (var round = 1; round <= 200; round++)
            Write(round);
        await stop.CancelAsync();
        await looker;

        Assert.Equal(0, missing);
        Assert.Equal("200", File.ReadAllText(Path.Combine(target, "state")));
        Assert.Equal([target], Directory.GetFileSystemEntries(_folder));
    }

    private RunPaths Create() => RunDirectory.Create(_folder, new RunRequest { Id = "a", BaseModel = "m", Dataset = "d", Peft = [] });

    private static RunStep Step(int step) => new() { Step = step, Loss = 1, LearningRate = 1e-4 };

    private static void Append(EventLogWriter log, params int[] steps)
    {
        foreach (var step in steps)
            log.Append(Step(step));
    }
}
