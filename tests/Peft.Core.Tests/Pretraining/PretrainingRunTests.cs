using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Peft.Core.Serialization;
using Peft.Core.Tests.Training;
using Peft.Core.Tokenization;
using Peft.Core.Training;

namespace Peft.Core.Tests.Pretraining;

[Collection(TorchCollection.Name)]
public sealed class PretrainingRunTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public PretrainingRunTests() => File.WriteAllLines(
        Corpus, Enumerable.Range(0, 80).Select(i => $"{{\"text\": \"甲{"春夏秋冬"[i % 4]}乙丙{"东南西北"[i % 4]}丁戊己庚辛。\"}}"));

    private string Corpus => folder.File("corpus.jsonl");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("roberta", ModelTask.MaskedLm)]
    [InlineData("bert", ModelTask.MaskedLm)]
    [InlineData("mt5", ModelTask.Seq2SeqLm)]
    [InlineData("t5", ModelTask.Seq2SeqLm)]
    [InlineData("llama", ModelTask.CausalLm)]
    public void Run_EveryLayout_LearnsAndWritesABaseThatLoads(string layout, ModelTask task)
    {
        var paths = Order(layout);

        var state = RunTrainer.Run(paths.Root);

        var events = TinyRun.Events(paths);
        Assert.True(state == TrainerState.Completed, events.OfType<RunStateChanged>().Last().Message);
        var evaluations = events.OfType<RunEvalLoss>().ToList();
        Assert.True(evaluations[^1].Loss < evaluations[0].Loss, $"{evaluations[0].Loss} → {evaluations[^1].Loss}");
        Assert.InRange(evaluations[^1].Metrics["accuracy"]!.Value, 0.1, 1);
        using var model = BaseModel.Load(paths.Model, new ModelLoadOptions { Task = task });
        Assert.Empty(model.Initialised);
        Assert.Equal(PretrainedTokenizer.Load(paths.Model).VocabularySize, model.Config.VocabSize);
        Assert.Contains("peft pretrain", File.ReadAllText(Path.Combine(paths.Model, "README.md")), StringComparison.Ordinal);
        Assert.Equal("bfloat16", JsonNode.Parse(File.ReadAllText(Path.Combine(paths.Model, "config.json")))!["dtype"]!.GetValue<string>());
    }

    [Fact]
    public void Run_SameSeed_GivesTheSameBase()
    {
        var (a, b, c) = (Order("roberta", steps: 4), Order("roberta", steps: 4), Order("roberta", steps: 4, seed: 7));
        foreach (var paths in new[] { a, b, c })
            RunTrainer.Run(paths.Root);

        Assert.Equal(Weights(a), Weights(b));
        Assert.NotEqual(Weights(a), Weights(c));
    }

    [Theory]
    [InlineData("roberta")]
    [InlineData("mt5")]
    public void Run_PausedAndResumed_ContinuesBitForBit(string layout)
    {
        var (whole, paused) = (Order(layout, steps: 8), Order(layout, steps: 8));
        RunTrainer.Run(whole.Root);
        void Pause(RunEvent e)
        {
            if (e is RunStep { Step: 3 })
                new ControlFolder(paused.Control).Place(RunCommand.Pause);
        }

        Assert.Equal(TrainerState.Paused, RunTrainer.Run(paused.Root, observe: Pause));
        Assert.False(Directory.Exists(paused.Model));
        Assert.Equal(TrainerState.Completed, RunTrainer.Run(paused.Root));

        Assert.Equal(TinyRun.Losses(whole), TinyRun.Losses(paused));
        Assert.Equal(Weights(whole), Weights(paused));
    }

    [Fact]
    public void Run_Stopped_WritesTheBaseSoFar()
    {
        var paths = Order("roberta", steps: 50);
        void Stop(RunEvent e)
        {
            if (e is RunStep { Step: 2 })
                new ControlFolder(paths.Control).Place(RunCommand.Stop);
        }

        Assert.Equal(TrainerState.Stopped, RunTrainer.Run(paths.Root, observe: Stop));

        Assert.Contains("2 of 50 steps", File.ReadAllText(Path.Combine(paths.Model, "README.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_EmbeddingsOfAnotherBase_AreTakenWhereTokensAgree()
    {
        var config = Small("mt5");
        config["d_model"] = 256;
        var drawn = Order("mt5", steps: 1, config: config, rate: 1e-6);
        var taken = Order("mt5", steps: 1, config: config, embeddings: SampleFiles.Base, rate: 1e-6);
        RunTrainer.Run(drawn.Root);
        RunTrainer.Run(taken.Root);

        using var model = BaseModel.Load(taken.Model);
        using var source = BaseModel.Load(SampleFiles.Base, new ModelLoadOptions { Dtype = "float32" });
        using var scope = TorchSharp.torch.NewDisposeScope();
        var head = model.Head!.Weight.to(TorchSharp.torch.ScalarType.Float32);
        var table = source.Embedding.Weight;
        // Turned as a whole: distances are kept, places are not.
        Assert.Equal((table[300] - table[301]).norm().item<float>(), (head[300] - head[301]).norm().item<float>(), 0.02f);
        Assert.True(((head[300] - head[301]) - (table[300] - table[301])).abs().max().item<float>() > 0.02f);
        Assert.True(model.Embedding.Weight.to(TorchSharp.torch.ScalarType.Float32).mean([0]).abs().max().item<float>() < 0.2f);
        var spread = model.Embedding.Weight.to(TorchSharp.torch.ScalarType.Float32).std().item<float>();
        Assert.InRange(spread, 0.9f, 1.1f);
        Assert.NotEqual(Weights(drawn), Weights(taken));
    }

    [Theory]
    [InlineData("roberta")]
    [InlineData("mt5")]
    public void Run_NeighbourStart_LearnsFasterFromNeighbours(string layout)
    {
        // Sequences in which a token follows from the one before it, so that only who looks at neighbours can do better than chance.
        var random = new Random(1);
        File.WriteAllLines(Corpus, Enumerable.Range(0, 200).Select(_ =>
        {
            var first = random.Next(20);
            return $"{{\"text\": \"{string.Concat(Enumerable.Range(0, 24).Select(i => (char)('一' + ((first + (7 * i)) % 20))))}\"}}";
        }));
        var config = Small(layout);
        foreach (var (name, value) in layout == "mt5" ? new[] { ("d_model", 64), ("d_kv", 32), ("num_heads", 2) } : [("hidden_size", 64), ("num_hidden_layers", 2)])
            config[name] = value;
        var (rate, steps, batch) = layout == "mt5" ? (0.01, 50, 4) : (0.001, 200, 16);
        var (plain, started) = (Order(layout, steps, config: config, rate: rate, batch: batch), Order(layout, steps, config: config, rate: rate, neighbours: true, batch: batch));
        RunTrainer.Run(plain.Root);
        RunTrainer.Run(started.Root);

        double[] Losses(RunPaths paths) => [.. TinyRun.Events(paths).OfType<RunEvalLoss>().Where(e => e.Step >= steps / 2).Select(e => e.Loss)];
        Assert.True(Losses(started).Average() < Losses(plain).Average() - 0.05, $"{string.Join(' ', Losses(plain))}; started: {string.Join(' ', Losses(started))}");
    }

    [Fact]
    public void Run_StructuredStart_KnowsHowOftenTokensOccur()
    {
        File.WriteAllLines(Corpus, Enumerable.Repeat("{\"text\": \"一一一二\"}", 40));
        var paths = Order("roberta", steps: 1, rate: 1e-6, neighbours: true);
        RunTrainer.Run(paths.Root);

        using var checkpoint = Checkpoint.Open(paths.Model);
        using var bias = checkpoint.Tensor("lm_head.bias").to(TorchSharp.torch.ScalarType.Float32);
        var tokenizer = PretrainedTokenizer.Load(paths.Model);
        float Of(string text) => bias[tokenizer.Encode(text)[0]].item<float>();
        Assert.Equal(Math.Log(3), Of("一") - Of("二"), 0.05);
        Assert.True(Of("二") > Of("三") + 3);
    }

    [Fact]
    public void Run_TableRateOfZero_LeavesTheTable()
    {
        var (still, moving) = (Order("mt5", steps: 3, tableRate: 0), Order("mt5", steps: 3, tableRate: 1));
        var drawn = Order("mt5", steps: 1, rate: 1e-9);
        foreach (var paths in new[] { still, moving, drawn })
            RunTrainer.Run(paths.Root);

        byte[] Table(RunPaths paths)
        {
            using var checkpoint = Checkpoint.Open(paths.Model);
            using var table = checkpoint.Tensor("shared.weight").to(TorchSharp.torch.ScalarType.Float32);
            return table.bytes.ToArray();
        }

        Assert.Equal(Table(drawn), Table(still));
        Assert.NotEqual(Table(drawn), Table(moving));
    }

    [Fact]
    public void Run_FromAnotherBase_GoesOnWithItsWeights()
    {
        var first = Order("roberta", steps: 60);
        RunTrainer.Run(first.Root);
        var more = Order("roberta", steps: 1, from: first.Model);
        RunTrainer.Run(more.Root);

        Assert.True(TinyRun.Losses(more)[1] < 0.8 * TinyRun.Losses(first)[1]);
    }

    [Theory]
    [InlineData("gpt2", 0.15, "layout")]
    [InlineData("roberta", 1.5, "noise_density")]
    public void Run_BadOrder_FailsAndNamesTheField(string layout, double density, string expected)
    {
        var paths = Order(layout, density: density);

        Assert.Equal(TrainerState.Failed, RunTrainer.Run(paths.Root));

        Assert.Contains(expected, TinyRun.Events(paths).OfType<RunStateChanged>().Last().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_LineWithoutText_FailsAndNamesFileAndLine()
    {
        File.AppendAllText(Corpus, "{\"body\": \"x\"}\n");
        var paths = Order("roberta");

        Assert.Equal(TrainerState.Failed, RunTrainer.Run(paths.Root));

        var message = TinyRun.Events(paths).OfType<RunStateChanged>().Last().Message;
        Assert.Contains("corpus.jsonl", message, StringComparison.Ordinal);
        Assert.Contains("81", message, StringComparison.Ordinal);
    }

    private static byte[] Weights(RunPaths paths) => File.ReadAllBytes(Path.Combine(paths.Model, "model.safetensors"));

    private static JsonObject Small(string layout) => layout switch
    {
        "mt5" or "t5" => new JsonObject { ["d_model"] = 16, ["d_kv"] = 8, ["d_ff"] = 32, ["num_heads"] = 2, ["num_layers"] = 1, ["num_decoder_layers"] = 1 },
        "llama" => new JsonObject { ["hidden_size"] = 16, ["head_dim"] = 8, ["intermediate_size"] = 32, ["num_attention_heads"] = 2, ["num_key_value_heads"] = 1, ["num_hidden_layers"] = 1 },
        _ => new JsonObject { ["hidden_size"] = 16, ["intermediate_size"] = 32, ["num_attention_heads"] = 2, ["num_hidden_layers"] = 1 },
    };

    private RunPaths Order(string layout, int steps = 60, int seed = 42, double density = 0.15, JsonObject? config = null, string? embeddings = null, string? from = null, double rate = 0.02, bool neighbours = false, int batch = 4, double tableRate = 1)
    {
        var fields = config?.DeepClone().AsObject() ?? Small(layout);
        fields["model_type"] = layout;
        return RunDirectory.Create(folder.File("runs"), new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            Kind = RunKind.Pretrain,
            BaseModel = SampleFiles.Base,
            Threads = 1,
            Peft = PretrainingDefaults.Method,
            Dataset = Corpus,
            Training = new JsonObject
            {
                ["max_steps"] = steps, ["learning_rate"] = rate, ["per_device_train_batch_size"] = batch, ["eval_steps"] = 5, ["save_steps"] = 3, ["max_length"] = 32, ["seed"] = seed,
            },
            Pretraining = new PretrainingOrder { Config = fields, EvalDocuments = 8, NoiseDensity = density, InitEmbeddingsFrom = embeddings, InitFrom = from, NeighbourStart = neighbours, TableRate = tableRate },
        });
    }
}
