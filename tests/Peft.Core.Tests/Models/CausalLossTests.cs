using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Models;

/// <summary>The loss at the positions that carry it, against the plain formula over all of them.</summary>
[Collection(TorchCollection.Name)]
public sealed class CausalLossTests
{
    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    public void Compute_MaskedLabels_EqualsCrossEntropyOverTheShiftedLogits(double smoothing)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        var (ids, labels) = (TinyBase.Ids(), Labels());
        var logits = model.Logits(model.Hidden(ids)).narrow(1, 0, 9).reshape(-1, model.Config.VocabSize);
        var expected = nn.functional.cross_entropy(logits, labels.narrow(1, 1, 9).reshape(-1), label_smoothing: smoothing);
        var actual = CausalLoss.Compute(model, ids, null, labels, labelSmoothing: smoothing);
        Assert.Equal(expected.item<float>(), actual.item<float>(), 1e-5f);
    }

    [Theory]
    [InlineData(0.0, null, "float32")]
    [InlineData(0.0, 40.0, "float32")]
    [InlineData(0.1, null, "float32")]
    [InlineData(0.0, null, "bfloat16")]
    public void Compute_AFewPositionsAtATime_EqualsAllAtOnce(double smoothing, double? items, string dtype)
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain, dtype);
        using var adapter = PeftMethods.Create(model, new LoraConfig { InitLoraWeights = LoraInit.Random });
        var (ids, labels) = (TinyBase.Ids(rows: 6, length: 12), TinyBase.Ids(rows: 6, length: 12, seed: 6));
        (float Loss, Tensor[] Gradients) Run(long scoresAtATime)
        {
            var loss = CausalLoss.Compute(model, ids, null, labels, items, smoothing, scoresAtATime) * 2;
            loss.backward();
            var gradients = adapter.Trainable.Select(p => p.Tensor.grad!.clone()).ToArray();
            foreach (var (_, tensor) in adapter.Trainable)
                tensor.grad!.zero_();
            using var gradOff = no_grad();
            Assert.Equal(loss.item<float>(), CausalLoss.Compute(model, ids, null, labels, items, smoothing, scoresAtATime).item<float>() * 2, 1e-5f);
            return (loss.item<float>(), gradients);
        }

        var (whole, parts) = (Run(1 << 20), Run(20L * model.Config.VocabSize));
        var tolerance = dtype == "float32" ? 1e-5 : 1e-2;
        Assert.Equal(whole.Loss, parts.Loss, (float)tolerance);
        foreach (var (expected, actual) in whole.Gradients.Zip(parts.Gradients))
            Assert.True(allclose(expected, actual, tolerance, tolerance));
    }

    [Fact]
    public void Suits_AHeadThatTrains_IsLeftAlone()
    {
        using var model = TinyBase.Load(TinyBase.Plain);
        Assert.True(ScoredLoss.Suits(model, 100, 1));
        using (var full = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = "FULL" })))
            Assert.False(ScoredLoss.Suits(model, 100, 1));
        using var head = PeftMethods.Create(model, new LoraConfig { TargetModules = ModuleSelector.FromNames(["lm_head"]) });
        Assert.False(ScoredLoss.Suits(model, 100, 1));
    }

    [Fact]
    public void Compute_WithNumberOfItems_DividesTheSumByIt()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        var mean = CausalLoss.Compute(model, TinyBase.Ids(), null, Labels()).item<float>();
        var scaled = CausalLoss.Compute(model, TinyBase.Ids(), null, Labels(), numItemsInBatch: 40).item<float>();
        Assert.Equal(mean * CausalLoss.CountPredicted(Labels()) / 40, scaled, 1e-5f);
    }

    [Fact]
    public void Compute_NoLabelAtAll_SaysSo()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var labels = full_like(TinyBase.Ids(), CausalLoss.Ignored);
        Assert.Contains("label", Assert.Throws<PeftException>(() => CausalLoss.Compute(model, TinyBase.Ids(), null, labels)).Message, StringComparison.Ordinal);
        Assert.Equal(0, CausalLoss.Compute(model, TinyBase.Ids(), null, labels, numItemsInBatch: 8).item<float>());
    }

    private static Tensor Labels()
    {
        var labels = TinyBase.Ids(seed: 6);
        labels.narrow(1, 0, 4).fill_(CausalLoss.Ignored);
        return labels;
    }
}
