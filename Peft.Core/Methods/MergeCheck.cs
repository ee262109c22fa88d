using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>What a merge did to a model's outputs.</summary>
/// <param name="LargestDifference">Largest difference between the outputs with the adapter beside the base and merged into it; null where the model has no such outputs to compare.</param>
/// <param name="LargestOutput">Largest output, to judge the difference by.</param>
/// <param name="Restored">Whether taking the merge out again gave the same outputs bit for bit.</param>
public sealed record MergeReport(double? LargestDifference, double? LargestOutput, bool Restored);

/// <summary>Merges an adapter with a look at what comes out: on a few fixed tokens before, after, and with the merge taken out again.</summary>
public static class MergeCheck
{
    private const int Tokens = 16;

    /// <summary>Merges. The adapter stays merged.</summary>
    /// <exception cref="PeftException">The method cannot be merged, or broken weights would come out; the base is then as before.</exception>
    public static MergeReport Merge(BaseModel model, PeftAdapter adapter, bool safe)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(adapter);
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        if (PeftMethodRegistry.Find(adapter.Config.PeftType).Format == PeftFormat.BaseParameters)
            return new MergeReport(0, null, Restored: true); // it computes in the base's own parameters already
        if (model is not CausalLanguageModel decoder)
        {
            adapter.Merge(safe);
            return new MergeReport(null, null, Restored: true);
        }

        var beside = Outputs(decoder);
        adapter.Merge(safe);
        var merged = Outputs(decoder);
        adapter.Unmerge();
        var restored = TensorOps.AllEqual(beside, Outputs(decoder));
        adapter.Merge(safe: false);
        return new MergeReport((beside - merged).abs().max().item<double>(), beside.abs().max().item<double>(), restored);
    }

    private static Tensor Outputs(CausalLanguageModel model)
    {
        var step = Math.Max(1, model.Config.VocabSize / (Tokens + 1));
        var ids = tensor(Enumerable.Range(1, Tokens).Select(i => (long)(i * step)).ToArray(), 1, Tokens).to(model.Device); // [1, T]
        return model.Logits(model.Hidden(ids)).to(ScalarType.Float64);
    }
}
