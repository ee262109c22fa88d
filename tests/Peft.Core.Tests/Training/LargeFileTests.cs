using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Training;
using Xunit.Abstractions;

namespace Peft.Core.Tests.Training;

/// <summary>A file of a million records trains in the memory that a small one takes, and starts at once.</summary>
[Collection(TorchCollection.Name)]
[Trait("Category", "Soak")]
public sealed class LargeFileTests(ITestOutputHelper output) : IDisposable
{
    private const int Megabyte = 1 << 20;
    private readonly TinyRun tiny = new();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        tiny.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Run_OfAMillionRecords_TakesTheMemoryOfAThousand()
    {
        var small = Train(Write(1000), "small");
        var large = Train(Write(1_000_000), "large");
        output.WriteLine($"1,000 records: peak {small.Peak / Megabyte} MB, first step after {small.Start:F2} s; 1,000,000: peak {large.Peak / Megabyte} MB, first step after {large.Start:F2} s");
        Assert.InRange(large.Peak - small.Peak, long.MinValue, 64L * Megabyte);

        // How long a process takes to start depends on what else the machine does; the index must not be what takes long.
        Assert.InRange(large.Start - small.Start, double.MinValue, 1);
    }

    /// <summary>In a process of its own, so that neither run's memory is the other's.</summary>
    private (long Peak, double Start) Train(string file, string name)
    {
        var paths = RunDirectory.Create(folder.File(name), new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            BaseModel = tiny.Base,
            Dtype = "float32",
            Threads = 1,
            Peft = TinyRun.Lora,
            Dataset = file,
            Training = new JsonObject { ["max_steps"] = 400, ["per_device_train_batch_size"] = 4, ["save_steps"] = 0, ["generation_samples"] = 0, ["group_by_length"] = true },
            Evaluation = new RunEvaluation { MaxRecords = 0 },
        });
        var host = Path.Combine(AppContext.BaseDirectory, "peft.dll");
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("dotnet", [host, "train", "--run", paths.Root]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var said = process.StandardError.ReadToEndAsync();
        var printed = process.StandardOutput.ReadToEndAsync();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, said.Result + printed.Result);
        var events = TinyRun.Events(paths);
        var start = events[0].Time;
        var first = events.OfType<RunStep>().First();
        return (events.OfType<RunStep>().Max(step => step.Rss), (first.Time - start) / 1000.0);
    }

    private string Write(int count)
    {
        var file = folder.File($"{count}.jsonl");
        using var writer = new StreamWriter(file);
        for (var i = 0; i < count; i++)
            writer.WriteLine($$"""{"id":"{{i}}","instruction":"从下面的句子里抽取人物与地点之间的关系，按三元组回答。","input":"第{{i}}个人住在第{{i * 7919L % 1009}}条街上，后来去了{{new string('城', 1 + (i % 5))}}。","output":"({{i}},住在,{{i % 1009}})"}""");
        return file;
    }
}
