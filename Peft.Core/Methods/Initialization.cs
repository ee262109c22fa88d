using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>
/// Initial values as PyTorch's layers draw them, so that a seed gives PEFT's values. Everything is drawn on the CPU from the global
/// generator; the order of the calls is part of the contract.
/// </summary>
internal static class Initialization
{
    /// <summary>The weight [out, in] of a fresh <c>nn.Linear</c>: kaiming uniform with a = √5, that is U(±1/√in).</summary>
    public static Tensor LinearWeight(long outFeatures, long inFeatures)
    {
        var weight = empty([outFeatures, inFeatures], ScalarType.Float32);
        KaimingUniform(weight, inFeatures);
        return weight.DetachFromDisposeScope();
    }

    /// <summary>The bias [out] of a fresh <c>nn.Linear</c>: U(±1/√in).</summary>
    public static Tensor LinearBias(long outFeatures, long inFeatures)
    {
        var bound = 1 / Math.Sqrt(inFeatures);
        return empty([outFeatures], ScalarType.Float32).uniform_(-bound, bound).DetachFromDisposeScope();
    }

    /// <summary>The table of a fresh <c>nn.Embedding</c>, or any tensor of N(0, 1).</summary>
    public static Tensor Normal(params long[] shape) => empty(shape, ScalarType.Float32).normal_().DetachFromDisposeScope();

    /// <summary>Draws a weight anew as <c>kaiming_uniform_(a=√5)</c> does.</summary>
    public static void KaimingUniform(Tensor weight, long fanIn)
    {
        var gain = Math.Sqrt(2.0 / (1 + Math.Pow(Math.Sqrt(5), 2)));
        var bound = Math.Sqrt(3.0) * (gain / Math.Sqrt(fanIn));
        weight.uniform_(-bound, bound);
    }

    /// <summary>PEFT moves fresh weights to the base's type and then back to float32: over a bfloat16 base they start rounded. Frees what was drawn.</summary>
    public static Tensor Placed(Tensor drawn, BaseModel model, bool train)
    {
        using (drawn)
        {
            using var rounded = drawn.to(model.DType, model.Device);
            var placed = rounded.to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
            placed.requires_grad = train;
            return placed;
        }
    }
}
