using Peft.Core.Tensors;
using Peft.Core.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Training;

[Collection(TorchCollection.Name)]
public sealed class AdamWTests
{
    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    public void Step_ManySizes_EqualsTheLibrary(double weightDecay)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var ours = new[] { 1, 7, 8, 33 }.Select(size => randn(size, 3).requires_grad_()).ToArray();
        var theirs = ours.Select(tensor => nn.Parameter(tensor.detach().clone())).ToArray();
        using var adamw = new AdamW([.. ours.Select((tensor, i) => new NamedParameter("w" + i, tensor))], new AdamWOptions { WeightDecay = weightDecay });
        var library = optim.AdamW(theirs, lr: 0.01, weight_decay: weightDecay);

        for (var step = 0; step < 20; step++)
        {
            for (var i = 0; i < ours.Length; i++)
            {
                var direction = randn_like(ours[i]);
                (ours[i] * direction).sum().backward();
                (theirs[i] * direction).sum().backward();
            }

            adamw.Step(0.01);
            library.step();
            library.zero_grad();
        }

        Assert.All(ours.Zip(theirs), pair => Assert.True(pair.First.allclose(pair.Second, rtol: 1e-5, atol: 1e-6)));
    }

    [Fact]
    public void Step_Clipped_EqualsScaledGradients()
    {
        using var scope = NewDisposeScope();
        var weight = ones(3).requires_grad_();
        using var adamw = new AdamW([new NamedParameter("w", weight)]);
        (weight * tensor(new float[] { 3, 4, 0 })).sum().backward();

        var norm = adamw.GradientNorm();

        Assert.Equal(5, norm, 6);
        Assert.Equal(1 / (5 + 1e-6), AdamW.ClipFactor(norm, 1), 12);
        Assert.Equal(1, AdamW.ClipFactor(norm, 10));
        Assert.Equal(1, AdamW.ClipFactor(norm, 0));
        adamw.Step(0.1, 0.5);
        var mean = adamw.State().Single(p => p.Name == "exp_avg/w").Tensor;
        Assert.Equal([0.15f, 0.2f, 0f], mean.data<float>().ToArray());
        Assert.Equal(0, weight.grad!.abs().sum().item<float>());
    }

    [Fact]
    public void Step_NormsAndBiases_DoNotDecay()
    {
        using var scope = NewDisposeScope();
        var names = new[] { "layer.weight", "layer.bias", "input_layernorm.weight" };
        var weights = names.Select(_ => ones(4).requires_grad_()).ToArray();
        using var adamw = new AdamW([.. names.Select((name, i) => new NamedParameter(name, weights[i]))], new AdamWOptions { WeightDecay = 0.5 });
        foreach (var weight in weights)
            (weight * 0).sum().backward();

        adamw.Step(0.1);

        Assert.Equal([0.95f, 1f, 1f], weights.Select(weight => weight[0].item<float>()));
    }
}
