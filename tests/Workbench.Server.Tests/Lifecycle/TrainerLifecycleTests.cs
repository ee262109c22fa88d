using System.Diagnostics;
using Peft.Core.Runs;

namespace Workbench.Server.Tests.Lifecycle;

/// <summary>The trainer's side, without a server: crashes, torn lines, full disks.</summary>
public sealed class TrainerLifecycleTests : IAsyncLifetime
{
    private readonly string _data = ServerProcess.NewDataDirectory();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => ServerProcess.DeleteAsync(_data);

    [Fact]
    public async Task TornLastLine_OnResume_IsCutAndSaid()
    {
        var paths = FakeRun.Create(_data, steps: 60, stepMs: 0, more: ("fake_torn_step", 35));

        var (crashed, _) = await Programs.TrainAsync(paths.Root);
        Assert.False(File.ReadAllText(paths.Events).EndsWith('\n'));
        var (resumed, errors) = await Programs.TrainAsync(paths.Root);

        Assert.NotEqual(0, crashed);
        Assert.True(resumed == 0, errors);
        FakeRun.AssertWhole(paths);
        var events = EventLogReader.ReadAll(paths).ToArray();
        Assert.Equal("torn_line_cut", Assert.Single(events.OfType<RunAlert>()).Code);
        Assert.Equal(30, Assert.Single(events.OfType<RunResumed>()).FromStep);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_data, 60), FakeRun.Losses(paths));
    }

    [Fact]
    public async Task Crash_BeforeTheFirstCheckpoint_StartsOverFromZero()
    {
        var paths = FakeRun.Create(_data, steps: 30, stepMs: 0, more: ("fake_crash_step", 7));

        await Programs.TrainAsync(paths.Root);
        var (code, errors) = await Programs.TrainAsync(paths.Root);

        Assert.True(code == 0, errors);
        Assert.Equal(0, Assert.Single(EventLogReader.ReadAll(paths).OfType<RunResumed>()).FromStep);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_data, 30), FakeRun.Losses(paths));
    }

    [Fact]
    public async Task Command_ForATrainerThatDied_DoesNotPauseTheNextOne()
    {
        var paths = FakeRun.Create(_data, steps: 20, stepMs: 0);
        new ControlFolder(paths.Control).Place(RunCommand.Pause);
        await Task.Delay(1100);

        var (code, errors) = await Programs.TrainAsync(paths.Root);

        Assert.True(code == 0, errors);
        Assert.Equal(TrainerState.Completed, EventLogReader.ReadAll(paths).OfType<RunStateChanged>().Last().State);
    }

    [Fact]
    public async Task ControlFile_ThatIsNoCommand_IsReportedAndTheRunGoesOn()
    {
        var paths = FakeRun.Create(_data, steps: 20, stepMs: 0);
        File.WriteAllText(Path.Combine(paths.Control, $"{Ulid.NewUlid()}.explode"), "x");

        var (code, errors) = await Programs.TrainAsync(paths.Root);

        Assert.True(code == 0, errors);
        var alert = Assert.Single(EventLogReader.ReadAll(paths).OfType<RunAlert>());
        Assert.Contains("unknown command 'explode'", alert.Message, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(Path.Combine(paths.Control, "rejected")));
    }

    /// <summary>A limit on file size refuses writes as a full disk does, for whoever may not mount a small one.</summary>
    [Fact]
    public async Task DiskFull_AtACheckpoint_LeavesTheLastOneAndAWholeLogToResumeFrom()
    {
        var paths = FakeRun.Create(_data, steps: 40, stepMs: 0, saveSteps: 10, more: ("fake_checkpoint_bytes", 400_000));
        Assert.Equal(0, (await Programs.TrainAsync(FakeRun.Create(_data, steps: 5, stepMs: 0).Root)).ExitCode);

        var (limited, refused) = await TrainWithLimitAsync(paths, kilobytes: 128);
        var afterwards = Directory.GetFileSystemEntries(paths.Checkpoints);
        FakeRun.AssertWhole(paths);
        var failed = EventLogReader.ReadAll(paths).OfType<RunStateChanged>().Last();
        var (code, errors) = await Programs.TrainAsync(paths.Root);

        Assert.Equal(1, limited);
        Assert.Contains("no space is left on the disk", refused, StringComparison.Ordinal);
        Assert.Equal(TrainerState.Failed, failed.State);
        Assert.Contains("00000010", failed.Message, StringComparison.Ordinal);
        Assert.Empty(afterwards);
        Assert.True(code == 0, errors);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_data, 40), FakeRun.Losses(paths));
    }

    [Fact]
    public async Task DiskFull_InTheLog_KeepsWholeLines()
    {
        var paths = FakeRun.Create(_data, steps: 400, stepMs: 0, saveSteps: 1000);

        var (limited, refused) = await TrainWithLimitAsync(paths, kilobytes: 16);

        Assert.Equal(1, limited);
        Assert.Contains("events.jsonl could not be written: no space is left", refused, StringComparison.Ordinal);
        FakeRun.AssertWhole(paths);
        Assert.InRange(new FileInfo(paths.Events).Length, 15_000, 16 * 1024);
    }

    /// <summary>The real thing: a file system of 256 KB that runs full.</summary>
    [SkippableFact]
    public async Task DiskFull_OnASmallFileSystem_IsSaidAndResumesWhenThereIsRoom()
    {
        var small = Path.Combine(_data, "small");
        Directory.CreateDirectory(small);
        Skip.IfNot(Mount("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small), "Mounting a small file system needs root.");
        try
        {
            var paths = FakeRun.Create(small, steps: 60, stepMs: 0, saveSteps: 10, more: ("fake_checkpoint_bytes", 60_000));

            var (full, refused) = await Programs.TrainAsync(paths.Root);
            FakeRun.AssertWhole(paths);
            Assert.True(Mount("mount", "-o", "remount,size=4m", small));
            var (code, errors) = await Programs.TrainAsync(paths.Root);

            Assert.Equal(1, full);
            Assert.Contains("no space is left on the disk", refused, StringComparison.Ordinal);
            Assert.True(code == 0, errors);
            Assert.True(Assert.Single(EventLogReader.ReadAll(paths).OfType<RunResumed>()).FromStep >= 10);
            Assert.Equal(await FakeRun.UndisturbedLossesAsync(_data, 60), FakeRun.Losses(paths));
        }
        finally
        {
            Assert.True(Mount("umount", small));
        }
    }

    [Fact]
    [Trait("Category", "Soak")]
    public async Task KilledAtRandom_AgainAndAgain_EndsBitIdentically()
    {
        var random = new Random(7);
        var paths = FakeRun.Create(_data, steps: 400, stepMs: 4, saveSteps: 7);
        for (var round = 0; round < 12; round++)
        {
            using var trainer = Programs.StartTrainer(paths.Root);
            _ = trainer.StandardOutput.ReadToEndAsync();
            _ = trainer.StandardError.ReadToEndAsync();
            await Task.Delay(random.Next(200, 900));
            if (!trainer.HasExited)
                trainer.Kill();
            await trainer.WaitForExitAsync();
        }

        var (code, errors) = await Programs.TrainAsync(paths.Root);

        Assert.True(code == 0, errors);
        FakeRun.AssertWhole(paths);
        Assert.Equal(await FakeRun.UndisturbedLossesAsync(_data, 400), FakeRun.Losses(paths));
    }

    private static bool Mount(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static async Task<(int ExitCode, string Errors)> TrainWithLimitAsync(RunPaths paths, int kilobytes)
    {
        // Ignoring SIGXFSZ turns the limit into a refused write; without it .NET maps executable memory by a large file.
        var script = $"trap '' XFSZ; ulimit -f {kilobytes}; exec dotnet \"$0\" train --run \"$1\"";
        var start = new ProcessStartInfo("/bin/bash", ["-c", script, Programs.FakeTrainer, paths.Root])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            Environment = { ["DOTNET_EnableWriteXorExecute"] = "0", ["DOTNET_EnableDiagnostics"] = "0" },
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await errors);
    }
}
