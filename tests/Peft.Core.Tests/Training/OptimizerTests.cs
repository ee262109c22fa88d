using Peft.Core.Tensors;
using Peft.Core.Training;
using Peft.Core.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Training;

[Collection(TorchCollection.Name)]
public sealed class OptimizerTests
{
    [Theory]
    [InlineData("momentum=0.9", 0.9, false)]
    [InlineData("momentum=0.8,nesterov=true", 0.8, true)]
    [InlineData("", 0, false)]
    public void Sgd_WithMomentum_EqualsTheLibrary(string extras, double momentum, bool nesterov)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var ours = randn(5, 3).requires_grad_();
        var theirs = nn.Parameter(ours.detach().clone());
        using var sgd = OptimizerChoice.Create(
            new TrainingArguments { Optim = "sgd", OptimArgs = extras, WeightDecay = 0.1 }, [new NamedParameter("w", ours)], WeightDecayGroups.Decays);
        var library = optim.SGD([theirs], 0.05, momentum, 0, 0.1, nesterov);
        for (var step = 0; step < 10; step++)
        {
            var direction = randn_like(ours);
            (ours * direction).sum().backward();
            (theirs * direction).sum().backward();
            sgd.Step(0.05);
            library.step();
            library.zero_grad();
        }

        Assert.True(ours.allclose(theirs, rtol: 1e-5, atol: 1e-6));
    }

    [Fact]
    public void Lion_TwoSteps_AreThoseOfThePaper()
    {
        using var scope = NewDisposeScope();
        var weight = tensor(new float[] { 1, -1 }).requires_grad_();
        using var lion = new Lion([new NamedParameter("w", weight)], new LionOptions { Beta1 = 0.9, Beta2 = 0.99, WeightDecay = 0.1 });

        (weight * tensor(new float[] { 2, -3 })).sum().backward();
        lion.Step(0.01);
        (weight * tensor(new float[] { -0.1f, -3 })).sum().backward();
        lion.Step(0.01);

        // The first step follows the gradient; in the second 0.9·0.02 − 0.1·0.1 is still positive.
        var first = new[] { (1 * (1 - 0.001)) - 0.01, (-1 * (1 - 0.001)) + 0.01 };
        Assert.Equal((first[0] * (1 - 0.001)) - 0.01, weight[0].item<float>(), 6);
        Assert.Equal((first[1] * (1 - 0.001)) + 0.01, weight[1].item<float>(), 6);
        Assert.Equal((0.02 * 0.99) - 0.001, lion.State().Single().Tensor[0].item<float>(), 6);
    }

    [Fact]
    public void Lamb_FirstStep_IsAsLongAsTheWeightsSay()
    {
        using var scope = NewDisposeScope();
        var weight = tensor(new float[] { 3, 4 }).requires_grad_();
        using var lamb = new Lamb([new NamedParameter("w", weight)], new LambOptions());

        (weight * tensor(new float[] { 10, -0.1f })).sum().backward();
        lamb.Step(0.1);

        // Adam's first direction is (1, −1), √2 long; the weights are 5 long.
        Assert.Equal(3 - (0.1 * 5 / Math.Sqrt(2)), weight[0].item<float>(), 4);
        Assert.Equal(4 + (0.1 * 5 / Math.Sqrt(2)), weight[1].item<float>(), 3);
    }

    [Theory]
    [InlineData("sgd", "momentum=0.9")]
    [InlineData("adafactor", "beta1=0.9")]
    [InlineData("lion_32bit", "")]
    [InlineData("lamb", "")]
    [InlineData("adamw_torch", "")]
    public void State_SavedAndLoaded_GoesOnBitForBit(string name, string extras)
    {
        using var scope = NewDisposeScope();
        var arguments = new TrainingArguments { Optim = name, OptimArgs = extras, WeightDecay = 0.1 };
        var (left, right) = (ones(4, 3).requires_grad_(), ones(4, 3).requires_grad_());
        using var first = OptimizerChoice.Create(arguments, [new NamedParameter("w", left)], WeightDecayGroups.Decays);
        using var second = OptimizerChoice.Create(arguments, [new NamedParameter("w", right)], WeightDecayGroups.Decays);
        void Step(TrainingOptimizer optimizer, Tensor weight, int seed)
        {
            manual_seed(seed);
            (weight * randn(4, 3)).sum().backward();
            optimizer.Step(0.01);
        }

        Step(first, left, 1);
        Step(first, left, 2);
        using (no_grad())
            right.copy_(left);
        var saved = first.State().ToDictionary(p => p.Name, p => p.Tensor.clone());
        second.LoadState(key => saved.GetValueOrDefault(key)?.clone(), first.StepCount);
        Step(first, left, 3);
        Step(second, right, 3);

        Assert.True(TensorOps.AllEqual(left, right));
    }

    [Fact]
    public void Options_All_SayWhatTheyAre() => Assert.All(TrainingOption.All, option => Assert.True(option.Help.Length > 10, option.Name));

    [Theory]
    [InlineData("adam", "", "optim")]
    [InlineData("sgd", "speed=3", "optim_args")]
    [InlineData("adamw_torch", "momentum=0.9", "optim_args")]
    [InlineData("sgd", "momentum=much", "optim_args")]
    public void Validate_BadChoice_IsNamed(string name, string extras, string field) =>
        Assert.Contains(TrainingArgumentsValidator.Validate(new TrainingArguments { Optim = name, OptimArgs = extras }).Problems, p => p.Field == field);

    [Theory]
    [InlineData("transformer.h.0.ln_1.weight", true)]
    [InlineData("transformer.h.0.attn.c_attn.weight", false)]
    [InlineData("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", true)]
    [InlineData("model.norm.weight", true)]
    [InlineData("model.normal.weight", false)]
    public void Decays_NormsByModule_AreSpared(string name, bool spared) =>
        Assert.Equal(!spared, WeightDecayGroups.Of(["transformer.h.0.ln_1"])(name));
}
