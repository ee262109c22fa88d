using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Generation;
using Peft.Core.Models;
using Peft.Core.Tests.Goldens;
using TorchSharp;
using static TorchSharp.torch;
using Generator = Peft.Core.Generation.Generator;

namespace Peft.Core.Tests.Generation;

/// <summary>What holds for decoding with every architecture, on the tiny checkpoints of the recorded cases.</summary>
[Collection(TorchCollection.Name)]
public sealed class DecodingPropertyTests
{
    private static readonly string s_models = Path.Combine(AppContext.BaseDirectory, "Goldens", "data", "models");

    public static IEnumerable<object[]> Decoders() => Directory.EnumerateDirectories(s_models).Order(StringComparer.Ordinal)
        .Where(folder => Case(folder)["task"]!.GetValue<string>() == "CAUSAL_LM").Select(folder => new object[] { Path.GetFileName(folder) });

    [SkippableTheory]
    [MemberData(nameof(Decoders))]
    public void Generate_Cached_EqualsReadingEverythingAgain(string name)
    {
        var folder = Path.Combine(s_models, name);
        Skip.If(Case(folder)["greedy"]?["same_with_cache"]?.GetValueKind() == JsonValueKind.False, "this architecture scales by the length of the text: kept keys were scaled for a shorter one");
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = "float32" });
        var ids = Prompt(folder, model);
        var cached = Generator.Generate(model, ids, null, new GenerationOptions { MaxNewTokens = 6 });
        for (var step = 0; step < 6; step++)
        {
            var next = model.Logits(model.Hidden(ids)).select(1, ids.shape[1] - 1).argmax(-1);
            Assert.Equal(next.data<long>().ToArray(), cached.Select(row => row[step]));
            ids = cat([ids, next.unsqueeze(1)], 1);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Decoders))]
    public void Generate_LeftPaddedBatch_EqualsEveryRowAlone(string name)
    {
        var folder = Path.Combine(s_models, name);
        Skip.IfNot(Case(folder)["greedy"]?["same_unpadded"]?.GetValue<bool>() == true, "padding changes the answers of this architecture in the reference too, or the case does not say");
        using var scope = NewDisposeScope();
        using var io = new GoldenTensors(Path.Combine(folder, "io.safetensors"));
        using var model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = "float32" });
        var (ids, mask) = (io["greedy/input_ids"], io["greedy/attention_mask"]);
        var options = new GenerationOptions { MaxNewTokens = 6 };
        var together = Generator.Generate(model, ids, mask, options);
        for (var r = 0; r < ids.shape[0]; r++)
        {
            var pads = mask[r].eq(0).sum().item<long>();
            var alone = ids[r].narrow(0, pads, ids.shape[1] - pads).unsqueeze(0);
            Assert.Equal(Generator.Generate(model, alone, null, options)[0], together[r]);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Decoders))]
    public void Search_OneBeamOfTwo_KeepsItsCacheInStep(string name)
    {
        var folder = Path.Combine(s_models, name);
        Skip.If(Case(folder)["greedy"]?["same_with_cache"]?.GetValueKind() == JsonValueKind.False, "this architecture scales by the length of the text: kept keys were scaled for a shorter one");
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = CausalLanguageModel.Load(folder, new ModelLoadOptions { Dtype = "float32" });
        var ids = Prompt(folder, model);
        var result = Generator.Search(model, ids, null, new GenerationOptions { MaxNewTokens = 6, NumBeams = 2, LengthPenalty = 0 });

        // The score of a beam is the log-probability that reading its text at once gives.
        for (var r = 0; r < ids.shape[0]; r++)
        {
            var whole = cat([ids[r], tensor(result.Sequences[r])], 0).unsqueeze(0);
            var sum = 0.0;
            for (var t = 0; t < result.Sequences[r].Length; t++)
            {
                var read = whole.narrow(1, 0, ids.shape[1] + t);
                var logs = model.Logits(model.Hidden(read)).select(1, read.shape[1] - 1).log_softmax(-1);
                sum += logs[0, result.Sequences[r][t]].item<float>();
            }

            Assert.InRange(result.Scores![r], sum - 0.01, sum + 0.01);
        }
    }

    private static JsonObject Case(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "case.json")))!.AsObject();

    /// <summary>The unpadded rows of the recorded prompt, or ids made up where none was recorded.</summary>
    private static Tensor Prompt(string folder, CausalLanguageModel model)
    {
        using var io = new GoldenTensors(Path.Combine(folder, "io.safetensors"));
        if (io.Find("greedy/input_ids") is not { } ids)
        {
            var random = new Random(3);
            return tensor(Enumerable.Range(0, 10).Select(_ => (long)random.Next(8, model.Config.VocabSize)).ToArray(), 2, 5);
        }

        var full = io["greedy/attention_mask"].ne(0).all(1).nonzero().view(-1);
        return ids.index_select(0, full);
    }
}
