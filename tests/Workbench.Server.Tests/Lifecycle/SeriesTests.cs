using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Peft.Core.Runs;
using Workbench.Server.Hosting;
using Workbench.Server.Runs.Series;

namespace Workbench.Server.Tests.Lifecycle;

public sealed class SeriesTests : IAsyncLifetime
{
    private readonly DataDirectory _data = new(ServerProcess.NewDataDirectory());
    private RunPaths _run = null!;

    public Task InitializeAsync()
    {
        _run = FakeRun.Create(_data.Root);
        return Task.CompletedTask;
    }

    public Task DisposeAsync() => ServerProcess.DeleteAsync(_data.Root);

    [Fact]
    public void Read_FewPoints_GivesThemAsTheyAre()
    {
        Write(log => Steps(log, 1, 50));

        var series = Read();

        Assert.Equal(0, series.Flags);
        Assert.Equal(Enumerable.Range(1, 50).Select(step => (double)step), series.X);
        Assert.Equal(series.Y, series.Max);
        Assert.Equal(50, series.LastSeq);
    }

    [Fact]
    public void Read_ManyPoints_KeepsASpikeOfOneStep()
    {
        Write(log => Steps(log, 1, 20_000, spike: 12_345));

        var series = Read(points: 500);
        var zoomed = Read(from: 12_340, to: 12_350);

        Assert.Equal((500, 1), (series.X.Length, series.Flags));
        Assert.Equal(99f, series.Max.Max());
        Assert.True(series.Y.Max() < 99f, "the mean alone would have hidden it");
        Assert.Equal(99f, zoomed.Y[Array.IndexOf(zoomed.X, 12_345.0)]);
        Assert.Equal((12_339.0, 12_351.0), (zoomed.X[0], zoomed.X[^1]));
    }

    [Fact]
    public void Read_AfterAResume_NeverRunsBackwards()
    {
        Write(log => Steps(log, 1, 30));
        Assert.Equal(30, Read().X.Length);
        Write(log =>
        {
            log.Append(new RunResumed { FromStep = 20, Step = 20 });
            Steps(log, 21, 40, loss: 7);
        });

        var series = Read();

        Assert.Equal(Enumerable.Range(1, 40).Select(step => (double)step), series.X);
        Assert.All(series.Y[20..], loss => Assert.Equal(7f, loss));
        Assert.Equal(FakeRun.Losses(_run).Select(point => (float)point.Loss), series.Y);
    }

    [Fact]
    public void Read_ColumnsDeletedOrDamaged_AreDerivedAgain()
    {
        Write(log => Steps(log, 1, 100));
        var whole = Read();
        Directory.Delete(_run.Series, recursive: true);

        var again = Read();
        File.WriteAllBytes(Path.Combine(_run.Series, "step.loss"), [1, 2, 3]);
        var repaired = new SeriesStore(_data);

        Assert.Equal(whole.Y, again.Y);
        Assert.Equal(whole.Y, Read(store: repaired).Y);
    }

    [Fact]
    public void Read_NewEvents_AreAppendedByANewStore()
    {
        Write(log => Steps(log, 1, 10));
        Read();
        Write(log => Steps(log, 11, 20));

        Assert.Equal(20, Read(store: new SeriesStore(_data)).X.Length);
    }

    [Fact]
    public void Read_LossThatIsNoNumber_LeavesAGap()
    {
        Write(log =>
        {
            Steps(log, 1, 3);
            Steps(log, 4, 4, loss: double.NaN);
        });

        Assert.True(float.IsNaN(Read().Y[3]));
    }

    [Theory]
    [InlineData("speed", "step")]
    [InlineData("loss", "epoch")]
    [InlineData("seconds", "step")]
    public void Read_UnknownMetricOrAxis_IsNothing(string metric, string axis) =>
        Assert.Null(new SeriesStore(_data).Read(Path.GetFileName(_run.Root), metric, axis, 0, 1, 10));

    private void Write(Action<EventLogWriter> write)
    {
        using var log = EventLogWriter.Open(_run);
        write(log);
    }

    private static void Steps(EventLogWriter log, int first, int last, int spike = -1, double loss = 1)
    {
        for (var step = first; step <= last; step++)
            log.Append(new RunStep { Step = step, Loss = step == spike ? 99 : loss, LearningRate = 1e-4, Tokens = step * 100, Seconds = step * 0.1 });
    }

    private SeriesStore? _store;

    private (double[] X, float[] Y, float[] Max, int Flags, long LastSeq) Read(double from = 0, double to = double.MaxValue, int points = 2000, SeriesStore? store = null)
    {
        var reader = store ?? (_store ??= new SeriesStore(_data));
        var bytes = reader.Read(Path.GetFileName(_run.Root), "loss", "step", from, to, points)!;
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var y = 8 + (count * sizeof(double));
        return (
            MemoryMarshal.Cast<byte, double>(bytes.AsSpan(8, count * sizeof(double))).ToArray(),
            MemoryMarshal.Cast<byte, float>(bytes.AsSpan(y, count * sizeof(float))).ToArray(),
            MemoryMarshal.Cast<byte, float>(bytes.AsSpan(y + (count * 2 * sizeof(float)), count * sizeof(float))).ToArray(),
            BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)),
            BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(bytes.Length - 8)));
    }
}
