using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Models;

/// <summary>The fast ways to compute against the plain ones.</summary>
[Collection(TorchCollection.Name)]
public sealed class ArithmeticTests
{
    [Theory]
    [InlineData("LORA")]
    [InlineData("PREFIX_TUNING")]
    [InlineData("BITFIT")]
    public void Fast_InBFloat16_StaysAsCloseToFloat32AsTheReferenceDoes(string method)
    {
        using var scope = NewDisposeScope();
        var exact = Gradients(method, "float32", Arithmetic.Reference);
        var fast = Gradients(method, "bfloat16", Arithmetic.Fast);
        var reference = Gradients(method, "bfloat16", Arithmetic.Reference);
        foreach (var (name, gradient) in exact)
        {
            var size = gradient.norm().item<float>();
            var (fastError, referenceError) = ((fast[name] - gradient).norm().item<float>(), (reference[name] - gradient).norm().item<float>());
            Assert.True(fastError <= (2 * referenceError) + (0.01f * size), $"{name}: fast is off by {fastError}, reference by {referenceError}, of {size}");
        }
    }

    [Theory]
    [InlineData("LORA")]
    [InlineData("PREFIX_TUNING")]
    public void Fast_InFloat32_EqualsTheReference(string method)
    {
        using var scope = NewDisposeScope();
        var fast = Gradients(method, "float32", Arithmetic.Fast);
        foreach (var (name, gradient) in Gradients(method, "float32", Arithmetic.Reference))
            Assert.True(allclose(gradient, fast[name], 1e-4, 1e-6), name);
    }

    private static Dictionary<string, Tensor> Gradients(string method, string dtype, Arithmetic arithmetic)
    {
        using var model = CausalLanguageModel.Load(
            TinyBase.Folder(TinyBase.WithBiases), new ModelLoadOptions { Dtype = dtype, Arithmetic = arithmetic });
        manual_seed(4);
        using var adapter = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = method, ["init_lora_weights"] = false }));
        CausalLoss.Compute(model, TinyBase.Ids(), null, TinyBase.Ids()).backward();

        // Key biases have almost no gradient: what arrives there is rounding.
        return adapter.Trainable.Where(p => !p.Name.Contains("k_proj.bias", StringComparison.Ordinal))
            .ToDictionary(p => p.Name, p => p.Tensor.grad!.clone());
    }
}
