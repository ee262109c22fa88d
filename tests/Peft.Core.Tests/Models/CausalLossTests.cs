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
