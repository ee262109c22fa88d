using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using TorchSharp;

namespace Peft.Core.Tests.Training;

/// <summary>A base of a few thousand parameters with the sample's tokenizer, a small dataset, and orders for them: a whole run takes a second.</summary>
internal sealed class TinyRun : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TinyRun()
    {
        MakeBase();
        var records = DatasetSnapshot.Open(SampleFiles.Dataset).Read("dev");
        var splits = new Dictionary<string, IReadOnlyList<InstructionRecord>>
        {
            ["train"] = [.. records.Take(24)],
            ["dev"] = [.. records.Skip(24).Take(4)],
            ["test"] = [.. records.Skip(28).Take(4)],
        };
        DatasetSnapshot.Write(Dataset, splits, "tiny", "tiny", DateTimeOffset.UnixEpoch);
    }

    public string Base => folder.File("base");

    public string Dataset => folder.File("data");

    public string Runs => folder.File("runs");

    public static JsonObject Lora => new() { ["peft_type"] = "LORA", ["r"] = 4, ["target_modules"] = "all-linear", ["lora_dropout"] = 0.1 };

    public RunPaths Order(JsonObject? peft = null, JsonObject? training = null, int testRecords = 0)
    {
        var arguments = new JsonObject { ["max_steps"] = 6, ["learning_rate"] = 0.01, ["per_device_train_batch_size"] = 2, ["generation_samples"] = 0, ["save_steps"] = 2 };
        foreach (var (name, value) in training ?? [])
            arguments[name] = value?.DeepClone();
        return RunDirectory.Create(Runs, new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            BaseModel = Base,
            BaseModelName = "tiny",
            Dtype = "float32",
            Threads = 1,
            Peft = peft ?? Lora,
            Dataset = Dataset,
            Training = arguments,
            Evaluation = new RunEvaluation { MaxRecords = testRecords, MaxNewTokens = 8 },
        });
    }

    public static IReadOnlyList<RunEvent> Events(RunPaths paths) => [.. EventLogReader.ReadAll(paths)];

    /// <summary>Loss by step of what counts.</summary>
    public static SortedDictionary<int, double> Losses(RunPaths paths) =>
        new(EffectiveEvents.Of(Events(paths)).OfType<RunStep>().ToDictionary(step => step.Step, step => step.Loss));

    public void Dispose() => folder.Dispose();

    private void MakeBase()
    {
        Directory.CreateDirectory(Base);
        foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json" })
            File.Copy(Path.Combine(SampleFiles.Base, file), Path.Combine(Base, file));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(SampleFiles.Base, "config.json")))!.AsObject();
        foreach (var (name, value) in new[] { ("hidden_size", 16), ("head_dim", 8), ("intermediate_size", 32), ("num_attention_heads", 2), ("num_key_value_heads", 1), ("num_hidden_layers", 2) })
            config[name] = value;
        config["dtype"] = "float32";
        File.WriteAllText(Path.Combine(Base, "config.json"), config.ToJsonString());
        using var generator = new torch.Generator(7);
        using var scope = torch.NewDisposeScope();
        var shapes = ModelConfig.Load(Base).Parameters();
        SafetensorsWriter.Write(
            Path.Combine(Base, "model.safetensors"),
            shapes.Select(shape => new NamedParameter(
                shape.Name,
                shape.Name.Contains("norm", StringComparison.Ordinal) ? torch.ones([.. shape.Shape]) : torch.randn([.. shape.Shape], generator: generator) * 0.05)).ToList());
    }
}
