using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Ia3;

/// <summary>(IA)³ at a linear layer: y = (W·x + b) ⊙ l with l [out, 1], or y = W·(x ⊙ l) + b with l [1, in].</summary>
internal sealed class Ia3Linear(LinearSite site, BaseModel model, bool scalesInput, Tensor factors) : ILinearAdapter, IDisposable
{
    private Tensor? mergedWeight;
    private Tensor? mergedBias;

    public bool Transposed => site.Transposed;

    public NamedParameter Trainable => new(Ia3Config.NameOf(site.Path), factors);

    public void Attach() => site.Adapter = this;

    public void Remove() => site.Adapter = null;

    public Tensor Forward(LinearSite site, Tensor input)
    {
        using var scope = NewDisposeScope();
        var flat = factors.view(-1);
        var output = scalesInput
            ? site.Base((input.to(ScalarType.Float32) * flat).to(model.DType))
            : (site.Base(input).to(ScalarType.Float32) * flat).to(model.DType);
        return output.MoveToOuterDisposeScope();
    }

    public void Merge()
    {
        using var scope = NewDisposeScope();
        long[] shape = scalesInput == site.Transposed ? [-1, 1] : [1, -1]; // a weight [out, in] is scaled by rows for outputs, by columns for inputs
        mergedWeight = Scaled(site.WeightParameter, shape);
        site.WeightParameter.Override(mergedWeight);
        if (!scalesInput && site.BiasParameter is { } bias)
        {
            mergedBias = Scaled(bias, [-1]);
            bias.Override(mergedBias);
        }

        Remove();
    }

    public void Unmerge(bool attach)
    {
        site.WeightParameter.Restore();
        mergedWeight?.Dispose();
        if (mergedBias is not null)
            site.BiasParameter!.Restore();
        mergedBias?.Dispose();
        (mergedWeight, mergedBias) = (null, null);
        if (attach)
            Attach();
    }

    public void Dispose()
    {
        factors.Dispose();
        mergedWeight?.Dispose();
        mergedBias?.Dispose();
    }

    private Tensor Scaled(ModelParameter parameter, long[] shape) =>
        (parameter.Value.to(ScalarType.Float32) * factors.view(shape)).to(parameter.Value.dtype).DetachFromDisposeScope();
}
