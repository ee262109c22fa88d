using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Runs;
using Peft.Core.Training;

namespace Peft.Core.Tests.Training;

/// <summary>What decides how a run goes on: evaluations, best weights, early ends, plateaus, pauses of lost runs.</summary>
[Collection(TorchCollection.Name)]
public sealed class CourseTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public static TheoryData<string> Settings => new(
        """{"optim":"sgd","optim_args":"momentum=0.9"}""",
        """{"optim":"adafactor","neftune_noise_alpha":5}""",
        """{"optim":"lion_32bit","learning_rate":0.001,"gradient_checkpointing":true}""",
        """{"optim":"lamb","label_smoothing_factor":0.1}""",
        """{"optim":"adamw_8bit","gradient_accumulation_steps":2}""",
        """{"lr_scheduler_type":"reduce_lr_on_plateau","lr_scheduler_kwargs":{"patience":0,"factor":0.5,"threshold":0.5},"eval_steps":1}""",
        """{"lr_scheduler_type":"cosine_with_restarts","lr_scheduler_kwargs":{"num_cycles":2},"train_sampling_strategy":"sequential","dataloader_drop_last":true}""",
        """{"eval_steps":1,"load_best_model_at_end":true,"save_total_limit":1}""");

    public void Dispose() => tiny.Dispose();

    [Theory]
    [MemberData(nameof(Settings))]
    public void Run_PausedAndResumed_ContinuesBitForBit(string training)
    {
        var arguments = JsonNode.Parse(training)!.AsObject();
        var whole = tiny.Order(training: arguments);
        var paused = tiny.Order(training: arguments);
        RunTrainer.Run(whole.Root);
        var once = true;
        void Pause(RunEvent e)
        {
            if (e is not RunStep { Step: 3 } || !once)
                return;
            once = false;
            new ControlFolder(paused.Control).Place(RunCommand.Pause);
        }

        Assert.Equal(TrainerState.Paused, RunTrainer.Run(paused.Root, observe: Pause));
        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paused.Root));

        Assert.Equal(Rates(whole), Rates(paused));
        Assert.Equal(TinyRun.Losses(whole), TinyRun.Losses(paused));
        var file = Directory.EnumerateFiles(whole.Adapter, "*.safetensors").Single();
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(paused.Adapter, Path.GetFileName(file))));
    }

    [Fact]
    public void Run_GradientCheckpointing_ChangesNothingButMemory()
    {
        var plain = tiny.Order();
        var again = tiny.Order(training: new JsonObject { ["gradient_checkpointing"] = true });
        RunTrainer.Run(plain.Root);
        RunTrainer.Run(again.Root);

        Assert.Equal(TinyRun.Losses(plain), TinyRun.Losses(again)); // dropout included
    }

    [Fact]
    public void Run_Neftune_MovesTheLossOfTrainingAndNotOfMeasuring()
    {
        var plain = tiny.Order(training: new JsonObject { ["learning_rate"] = 1e-12, ["eval_steps"] = 2 });
        var noisy = tiny.Order(training: new JsonObject { ["learning_rate"] = 1e-12, ["eval_steps"] = 2, ["neftune_noise_alpha"] = 40 });
        RunTrainer.Run(plain.Root);
        RunTrainer.Run(noisy.Root);

        Assert.NotEqual(TinyRun.Losses(plain), TinyRun.Losses(noisy));
        Assert.Equal(Evaluations(plain)[0], Evaluations(noisy)[0], 4);
    }

    [Fact]
    public void Run_BestAtEnd_SavesTheWeightsOfTheBestEvaluation()
    {
        // The rate is far too high: the first evaluation stays the best.
        var paths = tiny.Order(training: new JsonObject
        {
            ["learning_rate"] = 0.9, ["optim"] = "sgd", ["max_grad_norm"] = 0, ["max_steps"] = 12, ["eval_steps"] = 2, ["load_best_model_at_end"] = true,
            ["save_total_limit"] = 1, ["health_checks"] = false,
        });

        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paths.Root));

        var losses = TinyRun.Events(paths).OfType<RunEvalLoss>().ToDictionary(e => e.Step, e => e.Loss);
        var best = losses.MinBy(pair => pair.Value);
        var kept = Directory.EnumerateDirectories(paths.Checkpoints).Select(path => int.Parse(Path.GetFileName(path), System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Contains(best.Key, kept.Append(12));
        if (best.Key != 12)
            Assert.Contains(TinyRun.Events(paths).OfType<RunAlert>(), e => e.Code == "best_taken" && e.Message.Contains($"step {best.Key},", StringComparison.Ordinal));
        Assert.True(kept.Length <= 2);
    }

    [Fact]
    public void Run_WithoutProgress_EndsEarlyAndIsComplete()
    {
        var paths = tiny.Order(training: new JsonObject
        {
            ["learning_rate"] = 1e-12, ["max_steps"] = 40, ["eval_steps"] = 1, ["early_stopping_patience"] = 3, ["early_stopping_threshold"] = 0.1,
        });

        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paths.Root));

        var events = TinyRun.Events(paths);
        Assert.Equal(4, events.OfType<RunStep>().Count()); // the first evaluation, and three without progress
        Assert.Contains(events.OfType<RunAlert>(), e => e.Code == "early_stopped");
        Assert.NotEmpty(Directory.EnumerateFiles(paths.Adapter));
    }

    [Fact]
    public void Run_PredictWithGenerate_ScoresAnswersAtEvaluations()
    {
        var paths = tiny.Order(training: new JsonObject { ["eval_steps"] = 3, ["predict_with_generate"] = true, ["max_generate_samples"] = 2, ["metric_for_best_model"] = "eval_f1" });

        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paths.Root));

        Assert.All(TinyRun.Events(paths).OfType<RunEvalLoss>(), e => Assert.Contains("f1", e.Metrics.Keys));
    }

    [Theory]
    [InlineData("""{"eval_steps":2,"metric_for_best_model":"accuracy","predict_with_generate":true}""", "accuracy")]
    [InlineData("""{"eval_steps":2,"metric_for_best_model":"f1"}""", "predict_with_generate")]
    [InlineData("""{"early_stopping_patience":2}""", "eval_steps")]
    [InlineData("""{"lr_scheduler_type":"reduce_lr_on_plateau"}""", "eval_steps")]
    [InlineData("""{"lr_scheduler_kwargs":{"num_cycles":2}}""", "linear has no options")]
    [InlineData("""{"lr_scheduler_type":"warmup_stable_decay"}""", "num_decay_steps")]
    public void Run_WhatCannotWork_FailsBeforeTheFirstStep(string training, string expected)
    {
        var paths = tiny.Order(training: JsonNode.Parse(training)!.AsObject());

        Assert.Equal(TrainerState.Failed, RunTrainer.Run(paths.Root));

        Assert.Empty(TinyRun.Events(paths).OfType<RunStep>());
        Assert.Contains(expected, TinyRun.Events(paths).OfType<RunStateChanged>().Last().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Diverging_PausesAtTheLastGoodCheckpointWhenAsked()
    {
        var training = new JsonObject { ["learning_rate"] = 1e30, ["warmup_steps"] = 0, ["lr_scheduler_type"] = "constant", ["optim"] = "sgd", ["max_grad_norm"] = 0, ["save_steps"] = 1, ["max_steps"] = 20 };
        var failing = tiny.Order(training: training);
        Assert.Equal(TrainerState.Failed, RunTrainer.Run(failing.Root));
        training["pause_on_problem"] = true;
        var paused = tiny.Order(training: training);

        Assert.Equal(TrainerState.Paused, RunTrainer.Run(paused.Root));

        var events = TinyRun.Events(paused);
        Assert.Contains(events.OfType<RunAlert>(), e => e is { Code: "loss_not_finite", Severity: "error" });
        Assert.Contains("something looks wrong", events.OfType<RunStateChanged>().Last().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_EventFile_HoldsTheCurves()
    {
        var paths = tiny.Order(training: new JsonObject { ["eval_steps"] = 3 });
        RunTrainer.Run(paths.Root);

        var records = Records(File.ReadAllBytes(Directory.EnumerateFiles(paths.TensorBoard).Single()));

        Assert.Contains("brain.Event:2", records[0], StringComparison.Ordinal);
        Assert.Equal(6, records.Count(record => record.Contains("train/loss", StringComparison.Ordinal)));
        Assert.Equal(2, records.Count(record => record.Contains("eval/loss", StringComparison.Ordinal)));
    }

    /// <summary>Takes TFRecords apart by their lengths and checks that lengths and checksums fill the file.</summary>
    private static List<string> Records(byte[] file)
    {
        var found = new List<string>();
        var at = 0;
        while (at < file.Length)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at));
            Assert.Equal(Masked(file.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            var data = file.AsSpan(at + 12, length);
            Assert.Equal(Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)));
            found.Add(Encoding.Latin1.GetString(data));
            at += 12 + length + 4;
        }

        return found;
    }

    /// <summary>CRC-32C by its polynomial, bit by bit.</summary>
    private static uint Masked(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
        }

        crc = ~crc;
        return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
    }

    private static double[] Rates(RunPaths paths) => [.. EffectiveEvents.Of(TinyRun.Events(paths)).OfType<RunStep>().Select(step => step.LearningRate)];

    private static double[] Evaluations(RunPaths paths) => [.. TinyRun.Events(paths).OfType<RunEvalLoss>().Select(e => e.Loss)];
}
