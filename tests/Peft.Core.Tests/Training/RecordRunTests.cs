using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Runs;
using Peft.Core.Training;
using Peft.Core.Training.Tasks;

namespace Peft.Core.Tests.Training;

/// <summary>Whole runs of the kinds of records and ways to batches: conversations, texts, packed rows, streamed files, mixtures.</summary>
[Collection(TorchCollection.Name)]
public sealed class RecordRunTests : IDisposable
{
    private readonly TinyRun tiny = new();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        tiny.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("answers")]
    [InlineData("last_answer")]
    [InlineData("everything")]
    public void Run_OfConversations_LearnsAndAnswersTheLastTurn(string trainOn)
    {
        Lines("chat/train.jsonl", 12, i => $$"""{"messages":[{"role":"user","content":"甲{{i}}"},{"role":"assistant","content":"乙"},{"role":"user","content":"丙"},{"role":"assistant","content":"丁{{i}}"}]}""");
        Lines("chat/test.jsonl", 2, i => $$"""{"conversations":[{"from":"human","value":"甲{{i}}"},{"from":"gpt","value":"丁"}]}""");
        var events = Finished(Order("chat", new JsonObject { ["train_on"] = trainOn, ["max_steps"] = 12 }, test: 2));
        Learns(events);
        Assert.Equal("exact_match", Assert.Single(events.OfType<RunMetrics>()).PrimaryMetric);
    }

    [Fact]
    public void Run_OfTexts_ReportsPerplexity()
    {
        Lines("text/train.jsonl", 12, i => $$"""{"text":"抽取实体 {{i % 3}}"}""");
        Lines("text/test.jsonl", 3, i => $$"""{"text":"抽取实体 {{i}}"}""");
        var events = Finished(Order("text", new JsonObject { ["max_steps"] = 20 }, test: 3));
        Learns(events);
        var metrics = Assert.Single(events.OfType<RunMetrics>());
        Assert.Equal("perplexity", metrics.PrimaryMetric);
        Assert.InRange(metrics.Metrics["perplexity"]!.Value, 1, 1e6);
    }

    [Fact]
    public void Run_Packed_MakesFewerStepsAndLearns()
    {
        Lines("data/train.jsonl", 40, Instruction);
        var plain = Finished(Order("data", new JsonObject { ["max_steps"] = -1, ["num_train_epochs"] = 1, ["max_length"] = 128 }));
        var packed = Finished(Order("data", new JsonObject { ["max_steps"] = -1, ["num_train_epochs"] = 3, ["packing"] = true, ["max_length"] = 128 }));
        Assert.True(plain.OfType<RunModelReady>().Single().TotalSteps > packed.OfType<RunModelReady>().Single().TotalSteps);
        Learns(packed);
    }

    [Fact]
    public void Run_Streamed_IsTheSameAfterPauseAndResume()
    {
        Lines("data/train.jsonl", 60, Instruction);
        var arguments = new JsonObject { ["streaming"] = "on", ["max_steps"] = 6, ["save_steps"] = 3, ["group_by_length"] = true };
        var whole = Finished(Order("data", arguments));
        var paths = Order("data", arguments);
        var steps = 0;
        using var stop = new CancellationTokenSource();
        Assert.Equal(TrainerState.Paused, RunTrainer.Run(paths.Root, null, e =>
        {
            if (e is RunStep && ++steps == 4)
                stop.Cancel();
        }, stop.Token));
        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paths.Root));
        Assert.Equal(whole.OfType<RunStep>().Select(step => step.Loss), TinyRun.Losses(paths).Values);
        Assert.Contains(whole, e => e is RunProgress { Phase: "index" });
    }

    [Fact]
    public void Run_StreamedWithABadRow_FailsAndNamesTheLine()
    {
        Lines("data/train.jsonl", 30, i => i == 20 ? """{"instruction":"甲","input":""}""" : Instruction(i));
        var paths = Order("data", new JsonObject { ["streaming"] = "on", ["max_steps"] = 200 });
        Assert.Equal(TrainerState.Failed, RunTrainer.Run(paths.Root));
        Assert.Contains("train.jsonl:21: field 'output'", TinyRun.Events(paths).OfType<RunStateChanged>().Last().Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public void Run_WithLongRecordsToDrop_LearnsFromTheOthersAndCountsThem(string streaming)
    {
        Lines("data/train.jsonl", 20, i => i % 4 == 0 ? $$"""{"instruction":"抽取","input":"{{new string('文', 90)}}","output":"乙"}""" : Instruction(i));
        var events = Finished(Order("data", new JsonObject { ["streaming"] = streaming, ["cut_policy"] = "drop", ["max_steps"] = -1, ["num_train_epochs"] = 1 }));
        Assert.Contains("5", Assert.Single(events.OfType<RunAlert>(), alert => alert.Code.StartsWith("records_cut", StringComparison.Ordinal)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public void Run_OfMixedDatasets_Learns(string streaming)
    {
        Lines("data/train.jsonl", 20, Instruction);
        Lines("other/train.jsonl", 8, i => $$"""{"messages":[{"role":"user","content":"甲{{i}}"},{"role":"assistant","content":"乙"}]}""");
        var events = Finished(Order("data", new JsonObject { ["streaming"] = streaming, ["max_steps"] = 16 }, mix: [new RunDataset(folder.File("other"), 3)]));
        Learns(events);
        Assert.Equal(28, events.OfType<RunModelReady>().Single().TrainRecords);
    }

    [Fact]
    public void MixedOrder_TakesEachDatasetByItsWeight()
    {
        var order = new MixedOrder([900, 100], [1, 3], 5);
        var places = Enumerable.Range(0, 4).SelectMany(epoch => Enumerable.Range(0, order.Count).Select(place => order.At(epoch, place))).ToArray();
        Assert.Equal(3000, places.Count(example => example >= 900));

        // Of the large one none comes up twice before the stretch in which all have come up once; of the small one each thirty times.
        Assert.Equal(750, places.Where(example => example < 900).Take(750).Distinct().Count());
        Assert.All(places.Where(example => example >= 900).CountBy(example => example), pair => Assert.Equal(30, pair.Value));
        Assert.NotEqual(places[..1000], places[1000..2000]);
        Assert.Equal(places[..1000], Enumerable.Range(0, 1000).Select(place => new MixedOrder([900, 100], [1, 3], 5).At(0, place)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(1000)]
    [InlineData(65537)]
    public void ShuffledOrder_IsAPermutationThatDiffersByEpoch(int count)
    {
        var order = new ShuffledOrder(count, 42);
        var first = Enumerable.Range(0, count).Select(place => order.At(0, place)).ToArray();
        Assert.Equal(Enumerable.Range(0, count), first.Order());
        if (count > 100)
        {
            Assert.NotEqual(first, Enumerable.Range(0, count).Select(place => order.At(1, place)));
            Assert.InRange(first.Zip(first.Skip(1), (a, b) => Math.Abs(a - b)).Average(), count * 0.28, count * 0.39); // a third for a random order
        }
    }

    [Fact]
    public void LineIndex_FindsEveryLineWhateverStandsBetween()
    {
        var random = new Random(3);
        var lines = Enumerable.Range(0, 500).Select(i => new string('x', random.Next(1, i % 100 == 7 ? 200_000 : 50)) + i).ToArray();
        var text = string.Concat(lines.Select((line, i) => line + (i % 3 == 0 ? "\r\n" : "\n") + (i % 5 == 0 ? "  \n\n" : "")));
        File.WriteAllText(folder.File("lines"), "\uFEFF" + text.TrimEnd(), new UTF8Encoding(false));
        using var index = LineIndex.Build(folder.File("lines"));
        Assert.Equal(lines.Length, index.Count);
        var numbers = File.ReadAllLines(folder.File("lines"));
        foreach (var i in Enumerable.Range(0, lines.Length).OrderBy(_ => random.Next()))
        {
            var (utf8, line) = index.Read(i);
            Assert.Equal(lines[i], Encoding.UTF8.GetString(utf8).TrimEnd('\r'));
            Assert.Equal(lines[i], numbers[line - 1].TrimStart('\uFEFF'));
        }
    }

    private static string Instruction(int i) => $$"""{"instruction":"抽取{{i % 4}}","input":"{{new string('文', 1 + (i % 9))}}","output":"乙{{i % 2}}"}""";

    private static void Learns(IReadOnlyList<RunEvent> events)
    {
        var losses = events.OfType<RunStep>().Select(step => step.Loss).ToArray();
        Assert.True(losses[^3..].Average() < losses[..3].Average(), string.Join(' ', losses));
    }

    private static IReadOnlyList<RunEvent> Finished(RunPaths paths)
    {
        var state = RunTrainer.Run(paths.Root);
        var events = TinyRun.Events(paths);
        Assert.True(state == TrainerState.Completed, string.Join("\n", events.OfType<RunStateChanged>().Select(e => e.Message)));
        return events;
    }

    private RunPaths Order(string dataset, JsonObject training, int test = 0, IReadOnlyList<RunDataset>? mix = null)
    {
        var arguments = new JsonObject { ["learning_rate"] = 0.01, ["per_device_train_batch_size"] = 2, ["generation_samples"] = 0, ["save_steps"] = 0, ["max_length"] = 64 };
        foreach (var (name, value) in training)
            arguments[name] = value?.DeepClone();
        return RunDirectory.Create(folder.File("runs"), new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            BaseModel = tiny.Base,
            Dtype = "float32",
            Threads = 1,
            Peft = TinyRun.Lora,
            Dataset = folder.File(dataset),
            Mix = mix,
            Training = arguments,
            Evaluation = new RunEvaluation { MaxRecords = test, MaxNewTokens = 4 },
        });
    }

    private void Lines(string file, int count, Func<int, string> line)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder.File(file))!);
        File.WriteAllLines(folder.File(file), Enumerable.Range(0, count).Select(line));
    }
}
