using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;
using Peft.Core.Models;
using Peft.Core.Runs;
using Peft.Core.Tests.Goldens;

namespace Peft.Core.Tests.Training;

/// <summary>A recorded tiny model with a tokenizer of single characters, a small dataset of a kind, and an order for them.</summary>
internal sealed class TinyTask : IDisposable
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz .:?,0123456789()\n";

    private readonly TemporaryFolder folder = new();

    public TinyTask(string model, DatasetKind kind)
    {
        Directory.CreateDirectory(Base);
        foreach (var name in new[] { "config.json", "model.safetensors" })
            File.Copy(Path.Combine(GoldenCase.Root, "models", model, name), Path.Combine(Base, name));
        WriteTokenizer();
        WriteData(kind);
    }

    public string Base => folder.File("base");

    public string Dataset => folder.File("data");

    public RunPaths Order(ModelTask task, string method, int steps)
    {
        var peft = new JsonObject { ["peft_type"] = method };
        if (method == "LORA")
            peft["target_modules"] = "all-linear";
        return RunDirectory.Create(folder.File("runs"), new RunRequest
        {
            Id = Ulid.NewUlid().ToString(),
            BaseModel = Base,
            Dtype = "float32",
            Threads = 1,
            TaskType = task.Name(),
            Peft = peft,
            Dataset = Dataset,
            Training = new JsonObject
            {
                ["max_steps"] = steps, ["learning_rate"] = 0.02, ["per_device_train_batch_size"] = 6, ["gradient_accumulation_steps"] = 2,
                ["max_length"] = 16, ["doc_stride"] = 4, ["eval_steps"] = steps / 2, ["save_steps"] = 0, ["cut_policy"] = "keep_output",
            },
            Evaluation = new RunEvaluation { MaxNewTokens = 6 },
        });
    }

    public void Dispose() => folder.Dispose();

    /// <summary>Ids are those that the model's config names; encoders get something in front and behind.</summary>
    private void WriteTokenizer()
    {
        var config = ModelConfig.Load(Base);
        var isDecoder = ModelRegistry.Find(config.ModelType).Tasks.Contains(ModelTask.CausalLm);
        var special = new Dictionary<string, int> { ["<pad>"] = config.PadTokenId ?? 0 };
        foreach (var name in new[] { "<eos>", "<bos>", "<unk>" })
            special[name] = name == "<eos>" && config.EosTokenIds.Count > 0 && !special.ContainsValue(config.EosTokenIds[0]) ? config.EosTokenIds[0] : Enumerable.Range(0, 9).First(id => !special.ContainsValue(id));
        var vocabulary = new JsonObject();
        foreach (var (name, id) in special)
            vocabulary[name] = id;
        foreach (var (letter, i) in Letters.Select((c, i) => (c, i)))
            vocabulary[letter.ToString()] = i + 10;
        JsonObject Special(string name) => new() { ["SpecialToken"] = new JsonObject { ["id"] = name, ["type_id"] = 0 } };
        JsonObject Sequence(string name, int segment) => new() { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = segment } };
        JsonObject Ids(string name) => new() { ["id"] = name, ["ids"] = new JsonArray(special[name]), ["tokens"] = new JsonArray(name) };
        var root = new JsonObject
        {
            ["added_tokens"] = new JsonArray([.. special.Select(pair => (JsonNode)new JsonObject
            {
                ["id"] = pair.Value, ["content"] = pair.Key, ["special"] = true, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false,
            })]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = "[\\s\\S]" }, ["behavior"] = "Isolated", ["invert"] = false },
            ["post_processor"] = isDecoder ? null : new JsonObject
            {
                ["type"] = "TemplateProcessing",
                ["single"] = new JsonArray(Special("<bos>"), Sequence("A", 0), Special("<eos>")),
                ["pair"] = new JsonArray(Special("<bos>"), Sequence("A", 0), Special("<eos>"), Sequence("B", 1), Special("<eos>")),
                ["special_tokens"] = new JsonObject { ["<bos>"] = Ids("<bos>"), ["<eos>"] = Ids("<eos>") },
            },
            ["decoder"] = new JsonObject { ["type"] = "Fuse" },
            ["model"] = new JsonObject { ["type"] = "WordLevel", ["vocab"] = vocabulary, ["unk_token"] = "<unk>" },
        };
        File.WriteAllText(Path.Combine(Base, "tokenizer.json"), root.ToJsonString());
        File.WriteAllText(Path.Combine(Base, "tokenizer_config.json"), """{"eos_token":"<eos>","pad_token":"<pad>"}""");
    }

    private void WriteData(DatasetKind kind)
    {
        var random = new Random(1);
        string Word() => new([.. Enumerable.Range(0, random.Next(3, 7)).Select(_ => (char)('a' + random.Next(26)))]);
        IDataRecord Record(int i)
        {
            var (left, right, isUp) = (Word(), Word(), i % 2 == 0);
            return kind switch
            {
                DatasetKind.Classification => new ClassificationRecord((isUp ? "0 " : "9 ") + left, ClassLabel.Of(isUp ? "up" : "down")),
                DatasetKind.Tagging => new TaggingRecord($"{left} 12 {right}", [new EntitySpan(left.Length + 1, left.Length + 3, "number")]),
                DatasetKind.QuestionAnswering => new QuestionRecord("n?", $"{left} {right} 77 {left} {right}", [new AnswerSpan("77", left.Length + right.Length + 2)]),
                _ => new InstructionRecord("say", isUp ? "0" : "9", isUp ? "up" : "down"),
            };
        }

        var splits = new Dictionary<string, IReadOnlyList<IDataRecord>>
        {
            ["train"] = [.. Enumerable.Range(0, 24).Select(Record)],
            ["dev"] = [.. Enumerable.Range(0, 4).Select(Record)],
            ["test"] = [.. Enumerable.Range(0, 5).Select(Record)],
        };
        DatasetSnapshot.Write(Dataset, splits, "tiny", "tiny", DateTimeOffset.UnixEpoch, kind);
    }
}
