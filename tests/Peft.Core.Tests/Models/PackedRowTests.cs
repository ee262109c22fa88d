using System.Text.Json.Nodes;
using Peft.Core.Data;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Tests.Goldens;
using Peft.Core.Training;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Models;

/// <summary>Texts that share a row give the losses and gradients that they give by themselves: every decoder of the recorded cases, and every method.</summary>
[Collection(TorchCollection.Name)]
public sealed class PackedRowTests
{
    private static readonly int[][] s_rows = [[5, 3, 9, 1], [7, 6]];

    public static IEnumerable<object[]> Decoders() => GoldenCase.Find("model")
        .Where(row => ((string)row[0]).StartsWith("models/", StringComparison.Ordinal) && GoldenCase.Open((string)row[0]).Text("task") == "CAUSAL_LM");

    public static IEnumerable<object[]> MethodRows() => PeftMethodRegistry.All.Select(method => new object[] { method.Name });

    [SkippableTheory]
    [MemberData(nameof(Decoders))]
    public void Loss_OfPackedTexts_IsThatOfTheTextsAlone(string path)
    {
        var golden = GoldenCase.Open(path);
        using var model = CausalLanguageModel.Load(golden.Folder, new ModelLoadOptions { Dtype = "float32" });
        Skip.IfNot(model.Config.CanPack, "its texts cannot share a row");
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var examples = Examples(model.Config.VocabSize);
        Assert.Equal(Alone(model, examples).item<float>(), Packed(model, examples).item<float>(), 2e-5f);
    }

    [SkippableTheory]
    [MemberData(nameof(MethodRows))]
    public void Gradients_OfPackedTexts_AreThoseOfTheTextsAlone(string method)
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var config = PeftConfig.FromJson(Config(method));
        Skip.If(config.Validate(model.Config).Problems.Count > 0, string.Join(" ", config.Validate(model.Config).Problems.Select(p => p.Message)));
        manual_seed(3);
        using var adapter = PeftMethods.Create(model, config);
        adapter.Plan(10);
        model.Training = false;
        var examples = Examples(model.Config.VocabSize);
        var (alone, packed) = (Gradients(Alone), Gradients(Packed));
        Assert.Equal(alone.Loss, packed.Loss, 2e-5f);
        foreach (var (left, right) in alone.Gradients.Zip(packed.Gradients))
            Assert.True((left - right).abs().max().item<float>() < 2e-5f, $"{method}: a gradient differs by {(left - right).abs().max().item<float>()}");

        (float Loss, Tensor[] Gradients) Gradients(Func<CausalLanguageModel, TokenizedExample[][], Tensor> compute)
        {
            foreach (var parameter in adapter.Trainable)
                parameter.Tensor.grad = null;
            var loss = compute(model, examples);
            loss.backward();
            return (loss.item<float>(), [.. adapter.Trainable.Select(p => p.Tensor.grad is { } grad ? grad.clone() : zeros_like(p.Tensor))]);
        }
    }

    private static JsonObject Config(string method)
    {
        var json = new JsonObject { ["peft_type"] = method, ["task_type"] = "CAUSAL_LM" };
        var options = PeftMethodRegistry.Find(method).Options.Select(option => option.Name).ToHashSet();
        foreach (var (name, value) in new (string, JsonNode)[] { ("num_virtual_tokens", 3), ("target_modules", "all-linear"), ("adapter_len", 3), ("adapter_layers", 1), ("num_tasks", 2), ("total_step", 10) })
        {
            if (options.Contains(name))
                json[name] = value;
        }

        return json;
    }

    private static Tensor Alone(CausalLanguageModel model, TokenizedExample[][] rows)
    {
        var examples = rows.SelectMany(row => row).ToArray();
        var items = examples.Sum(e => e.LabelCount);
        var total = zeros(1);
        foreach (var example in examples)
        {
            using var batch = Batch.Collate([example], 0, CPU);
            total = total + CausalLoss.Compute(model, batch.InputIds, batch.AttentionMask, batch.Labels, items);
        }

        return total;
    }

    private static Tensor Packed(CausalLanguageModel model, TokenizedExample[][] rows)
    {
        using var batch = Batch.Pack(rows, 0, CPU);
        return CausalLoss.Compute(model, batch.InputIds, batch.AttentionMask, batch.Labels, batch.LabelTokens, places: batch.Positions).view(1);
    }

    /// <summary>Texts of some lengths whose first token is given.</summary>
    private static TokenizedExample[][] Examples(int vocabulary)
    {
        var random = new Random(4);
        return [.. s_rows.Select(row => row.Select(length =>
        {
            var ids = Enumerable.Range(0, length).Select(_ => random.Next(3, Math.Min(vocabulary, 90))).ToArray();
            return new TokenizedExample(ids, 1);
        }).ToArray())];
    }
}
