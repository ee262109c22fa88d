using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.Lora;

/// <summary>A and B at one module.</summary>
internal abstract class LoraLayer : IDisposable
{
    protected LoraLayer(LoraTarget target, BaseModel model)
    {
        Target = target;
        Model = model;
    }

    public LoraTarget Target { get; }

    /// <summary>A: [r, in].</summary>
    public required Tensor A { get; init; }

    /// <summary>B: [out, r].</summary>
    public required Tensor B { get; init; }

    /// <summary>Base weight, whose place the merged one takes.</summary>
    public abstract ModelParameter Weight { get; }

    protected BaseModel Model { get; }

    private Tensor? merged;

    public abstract void Attach();

    public abstract void Remove();

    public void Merge()
    {
        using var scope = NewDisposeScope();
        var delta = Delta().mul_((float)Target.Scaling);
        merged = (Weight.Value.to(ScalarType.Float32) + delta).to(Weight.Value.dtype).DetachFromDisposeScope();
        Weight.Override(merged);
        Remove();
    }

    public void Unmerge(bool attach)
    {
        Weight.Restore();
        merged?.Dispose();
        merged = null;
        if (attach)
            Attach();
    }

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
        merged?.Dispose();
    }

    /// <summary>B·A in the layout of the base weight.</summary>
    protected abstract Tensor Delta();
}

/// <summary>
/// LoRA at a linear layer: y = W·x + b + s·B(A(dropout(x))). Over a bfloat16 base A and B stay in float32; they are multiplied rounded to
/// bfloat16 (as under autocast), or with reference arithmetic in float32 as PEFT does without autocast.
/// </summary>
internal sealed class LoraLinear(LoraTarget target, BaseModel model, LinearSite site, double dropout)
    : LoraLayer(target, model), ILinearAdapter
{
    private readonly float scaling = (float)target.Scaling;
    private readonly ScalarType adapterType = model.Arithmetic == Arithmetic.Reference ? ScalarType.Float32 : model.DType;

    public override ModelParameter Weight => site.WeightParameter;

    public bool Transposed => site.Transposed;

    public override void Attach() => site.Adapter = this;

    public override void Remove() => site.Adapter = null;

    public Tensor Forward(LinearSite site, Tensor input)
    {
        var output = site.Base(input); // [N, out]
        var x = input.to(adapterType);
        if (dropout > 0 && Model.Training)
            x = F.dropout(x, dropout);

        // Products with a side of length r depend on layout: A·xᵀ rather than x·Aᵀ, and Bᵀ laid out anew (it is small), make forward and
        // backward of the branch together four times faster.
        var low = A.to(adapterType).mm(x.t()).t(); // [N, r]
        var up = B.t().contiguous().to(adapterType); // [r, out]
        return adapterType == Model.DType
            ? output.addmm_(low, up, 1, scaling)
            : output.to(adapterType).addmm_(low, up, 1, scaling).to(Model.DType);
    }

    protected override Tensor Delta() => site.Transposed ? TensorOps.MatMul(B, A).t() : TensorOps.MatMul(B, A); // in the layout of the weight
}

/// <summary>LoRA at the input embedding: y = E[id] + s·A[:, id]ᵀ·Bᵀ. There is no dropout.</summary>
internal sealed class LoraEmbedding(LoraTarget target, BaseModel model, EmbeddingSite site)
    : LoraLayer(target, model), IEmbeddingAdapter
{
    private readonly float scaling = (float)target.Scaling;

    public override ModelParameter Weight => site.WeightParameter;

    public override void Attach() => site.Adapter = this;

    public override void Remove() => site.Adapter = null;

    public Tensor Forward(EmbeddingSite site, Tensor ids)
    {
        var output = site.Base(ids); // [N, C]
        var low = A.t().index_select(0, ids); // [N, r]
        return output.to(ScalarType.Float32).addmm(low, B.t(), 1, scaling).to(output.dtype);
    }

    protected override Tensor Delta() => TensorOps.MatMul(B, A).t(); // [vocab, C]
}
