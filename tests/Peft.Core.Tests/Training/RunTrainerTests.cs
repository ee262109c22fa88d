using System.Text.Json.Nodes;
using Peft.Core.Evaluation;
using Peft.Core.Methods;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Tests.Training;

[Collection(TorchCollection.Name)]
public sealed class RunTrainerTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Theory]
    [InlineData("LORA")]
    [InlineData("PREFIX_TUNING")]
    [InlineData("BITFIT")]
    [InlineData("FULL")]
    [InlineData("ADALORA")]
    [InlineData("PROMPT_TUNING")]
    [InlineData("HOULSBY")]
    [InlineData("LN_TUNING")]
    public void Run_EveryMethod_TrainsSavesAndScores(string method)
    {
        var peft = method == "LORA" ? TinyRun.Lora : new JsonObject { ["peft_type"] = method };
        if (method is "PREFIX_TUNING" or "PROMPT_TUNING")
            peft["num_virtual_tokens"] = 3;
        var paths = tiny.Order(peft, testRecords: 4);

        var state = RunTrainer.Run(paths.Root);

        var events = TinyRun.Events(paths);
        Assert.True(state == TrainerState.Completed, events.OfType<RunStateChanged>().Last().Message);
        Assert.Equal([1, 2, 3, 4, 5, 6], events.OfType<RunStep>().Select(step => step.Step));
        Assert.True(events.OfType<RunStep>().Last().Loss < events.OfType<RunStep>().First().Loss);
        Assert.Equal(6, Assert.Single(events.OfType<RunEvalLoss>()).Step);
        Assert.Equal(4, Assert.Single(events.OfType<RunMetrics>()).Records);
        Assert.Equal(4, File.ReadLines(paths.Predictions("test")).Count());
        Assert.NotEmpty(Directory.EnumerateFiles(paths.Adapter));
        Assert.Equal(
            [TrainerState.Starting, TrainerState.Training, TrainerState.Evaluating, TrainerState.Completed],
            events.OfType<RunStateChanged>().Select(e => e.State));
    }

    [Fact]
    public void Run_NoMethod_MeasuresTheBase()
    {
        var paths = tiny.Order(new JsonObject { ["peft_type"] = "NONE" }, testRecords: 2);

        var state = RunTrainer.Run(paths.Root);

        var events = TinyRun.Events(paths);
        Assert.Equal(TrainerState.Completed, state);
        Assert.Empty(events.OfType<RunStep>());
        Assert.True(Assert.Single(events.OfType<RunEvalLoss>()).Loss > 5);
        Assert.Equal(0, Assert.Single(events.OfType<RunModelReady>()).TrainableParams);
        Assert.False(Directory.Exists(paths.Adapter));
    }

    [Theory]
    [InlineData("learning_rate", "0", "learning_rate")]
    [InlineData("learning_rate", "\"NaN\"", "learning_rate")]
    [InlineData("learning_rte", "1", "learning_rte")]
    [InlineData("max_length", "16", "output has")]
    public void Run_BadArguments_FailsAndNamesThem(string field, string value, string expected)
    {
        var paths = tiny.Order(training: new JsonObject { [field] = JsonNode.Parse(value) });

        var state = RunTrainer.Run(paths.Root);

        Assert.Equal(TrainerState.Failed, state);
        Assert.Contains(expected, TinyRun.Events(paths).OfType<RunStateChanged>().Last().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_EmptyTrainingSplit_FailsAndSaysSo()
    {
        File.Delete(Path.Combine(tiny.Dataset, "manifest.json"));
        File.WriteAllText(Path.Combine(tiny.Dataset, "train.jsonl"), "");

        var paths = tiny.Order();
        RunTrainer.Run(paths.Root);

        Assert.Contains("empty", TinyRun.Events(paths).OfType<RunStateChanged>().Last().Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("LORA")]
    [InlineData("ADALORA")]
    public void Run_PausedAndResumed_ContinuesBitForBit(string method)
    {
        var peft = method == "LORA" ? TinyRun.Lora : new JsonObject { ["peft_type"] = method, ["init_r"] = 4, ["target_r"] = 2, ["tfinal"] = 1 };
        var whole = tiny.Order(peft);
        var paused = tiny.Order(peft);
        RunTrainer.Run(whole.Root);
        var after = 3;
        void Pause(RunEvent e)
        {
            if (e is RunStep { Step: 3 } && after-- > 0)
                new ControlFolder(paused.Control).Place(RunCommand.Pause);
        }

        Assert.Equal(TrainerState.Paused, RunTrainer.Run(paused.Root, observe: Pause));
        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paused.Root));

        Assert.Equal(TinyRun.Losses(whole), TinyRun.Losses(paused));
        Assert.Equal(3, Assert.Single(TinyRun.Events(paused).OfType<RunResumed>()).FromStep);
        var file = Directory.EnumerateFiles(whole.Adapter, "*.safetensors").Single();
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(paused.Adapter, Path.GetFileName(file))));
    }

    [Fact]
    public void Run_AdaLora_TellsHowRanksMoveAndEndsWithinTheBudget()
    {
        var paths = tiny.Order(new JsonObject { ["peft_type"] = "ADALORA", ["init_r"] = 4, ["target_r"] = 2, ["tfinal"] = 1, ["target_modules"] = "all-linear" });

        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paths.Root));

        var ranks = TinyRun.Events(paths).OfType<RunRanks>().ToList();
        Assert.NotEmpty(ranks);
        Assert.Equal(14, ranks[^1].Ranks.Count); // seven layers in each of two
        Assert.InRange(ranks[^1].Ranks.Values.Sum(), 1, 2 * 14);
        Assert.True(ranks[0].Ranks.Values.Sum() > ranks[^1].Ranks.Values.Sum());
    }

    [Fact]
    public void Run_Stopped_SavesTheAdapterAndIsNotCompleted()
    {
        var paths = tiny.Order();
        void Stop(RunEvent e)
        {
            if (e is RunStep { Step: 2 })
                new ControlFolder(paths.Control).Place(RunCommand.Stop);
        }

        Assert.Equal(TrainerState.Stopped, RunTrainer.Run(paths.Root, observe: Stop));

        var events = TinyRun.Events(paths);
        Assert.Equal(2, events.OfType<RunStep>().Count());
        Assert.Equal(RunCommand.Stop, Assert.Single(events.OfType<RunControlAcknowledged>()).Command);
        Assert.NotNull(PeftConfig.Load(paths.Adapter));
    }

    [Fact]
    public void Run_CheckpointsBeyondTheLimit_AreRemoved()
    {
        var paths = tiny.Order(training: new JsonObject { ["save_steps"] = 1, ["save_total_limit"] = 2 });

        RunTrainer.Run(paths.Root);

        Assert.Equal(["00000005", "00000006"], Directory.EnumerateDirectories(paths.Checkpoints).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void Run_CheckpointCannotBeWritten_WarnsKeepsTheEarlierOneAndGoesOn()
    {
        var paths = tiny.Order();
        void Block(RunEvent e)
        {
            // A file in the place of the next checkpoint's folder refuses it as a full disk would, while it is being put in place.
            if (e is RunCheckpoint { Step: 2 })
                File.WriteAllText(paths.Checkpoint(4), "");
        }

        var state = RunTrainer.Run(paths.Root, observe: Block);

        var events = TinyRun.Events(paths);
        Assert.Equal(TrainerState.Completed, state);
        var alert = Assert.Single(events.OfType<RunAlert>(), e => e.Code == "checkpoint_failed");
        Assert.Contains("00000004", alert.Message, StringComparison.Ordinal);
        Assert.Equal([2, 6], events.OfType<RunCheckpoint>().Select(e => e.Step));
        Assert.Equal(["00000002", "00000006"], Directory.EnumerateDirectories(paths.Checkpoints).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void Run_Accumulated_EqualsTheLargeBatch()
    {
        var peft = TinyRun.Lora;
        peft["lora_dropout"] = 0;
        var large = tiny.Order(peft.DeepClone().AsObject(), new JsonObject { ["per_device_train_batch_size"] = 4 });
        var small = tiny.Order(peft, new JsonObject { ["per_device_train_batch_size"] = 1, ["gradient_accumulation_steps"] = 4 });

        RunTrainer.Run(large.Root);
        RunTrainer.Run(small.Root);

        Assert.All(TinyRun.Losses(large).Zip(TinyRun.Losses(small)), pair => Assert.Equal(pair.First.Value, pair.Second.Value, 3));
    }
}
