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

    /// <summary>What trains, under names in memory.</summary>
    public virtual IEnumerable<NamedParameter> Tensors
    {
        get
        {
            var (a, b) = LoraTargets.Names(Target);
            return [new NamedParameter(a, A), new NamedParameter(b, B)];
        }
    }

    /// <summary>What is left of the weight when A and B started as a part of it; null when they did not.</summary>
    public Tensor? Residual { get; init; }

    protected BaseModel Model { get; }

    protected float Scaling => (float)Target.Scaling;

    /// <summary>The frozen weight that the change is added to.</summary>
    protected Tensor Start => Residual ?? Weight.Value;

    private Tensor? merged;

    public virtual void Attach()
    {
        if (Residual is not null)
            Weight.Override(Residual);
    }

    public virtual void Remove()
    {
        if (Residual is not null)
            Weight.Restore();
    }

    public virtual void Merge()
    {
        using var scope = NewDisposeScope();
        var start = Start;
        merged = Merged(start.to(ScalarType.Float32)).to(start.dtype).contiguous().DetachFromDisposeScope();
        Remove();
        Weight.Override(merged);
    }

    public virtual void Unmerge(bool attach)
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
        Residual?.Dispose();
        DisposeMore();
    }

    /// <summary>The weight in float32 with the change added, in its own layout.</summary>
    protected abstract Tensor Merged(Tensor weight);

    /// <summary>Frees what a kind of layer has besides.</summary>
    protected virtual void DisposeMore()
    {
    }
}

/// <summary>
/// LoRA at a linear layer: y = W·x + b + s·B(A(dropout(x))). Over a bfloat16 base A and B stay in float32; they are multiplied rounded to
/// bfloat16 (as under autocast), or with reference arithmetic in float32 as PEFT does without autocast.
/// </summary>
internal class LoraLinear(LoraTarget target, BaseModel model, LinearSite site, double dropout)
    : LoraLayer(target, model), ILinearAdapter
{
    private readonly ScalarType adapterType = model.Arithmetic == Arithmetic.Reference ? ScalarType.Float32 : model.DType;
    private Tensor? mergedBias;

    /// <summary>Bias of B [out], with <c>lora_bias</c>; else null.</summary>
    public Tensor? BiasOfB { get; init; }

    public override IEnumerable<NamedParameter> Tensors => BiasOfB is null
        ? base.Tensors
        : [.. base.Tensors, new NamedParameter(LoraTargets.BiasName(Target), BiasOfB)];

    public override ModelParameter Weight => site.WeightParameter;

    public bool Transposed => site.Transposed;

    /// <summary>The layer.</summary>
    public LinearSite LinearSite => site;

    protected LinearSite Site => site;

    protected double Dropout => dropout;

    public override void Attach()
    {
        base.Attach();
        site.Adapter = this;
    }

    public override void Remove()
    {
        base.Remove();
        site.Adapter = null;
    }

    public virtual Tensor Forward(LinearSite site, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(site);
        using var scope = NewDisposeScope();
        var output = site.Base(input); // [N, out]
        var x = input.to(adapterType);
        if (dropout > 0 && Model.Training)
            x = F.dropout(x, dropout);

        // Products with a side of length r depend on layout: A·xᵀ rather than x·Aᵀ, and Bᵀ laid out anew (it is small), make forward and
        // backward of the branch together four times faster.
        var low = A.to(adapterType).mm(x.t()).t(); // [N, r]
        var up = B.t().contiguous().to(adapterType); // [r, out]
        var sum = (adapterType == Model.DType ? output : output.to(adapterType)).addmm_(low, up, 1, Scaling);
        if (BiasOfB is not null)
            sum = sum + (BiasOfB * Scaling).to(adapterType);
        return sum.to(Model.DType).MoveToOuterDisposeScope();
    }

    public override void Merge()
    {
        base.Merge();
        if (BiasOfB is null)
            return;
        using var scope = NewDisposeScope();
        var bias = site.BiasParameter
            ?? throw new PeftException($"{Target.Path} has no bias, so what lora_bias trained cannot be merged into it.");
        mergedBias = (bias.Value + (BiasOfB * Scaling).to(bias.Value.dtype)).DetachFromDisposeScope();
        bias.Override(mergedBias);
    }

    public override void Unmerge(bool attach)
    {
        if (mergedBias is not null)
        {
            site.BiasParameter!.Restore();
            mergedBias.Dispose();
            mergedBias = null;
        }

        base.Unmerge(attach);
    }

    protected override Tensor Merged(Tensor weight)
    {
        var delta = TensorOps.MatMul(B, A).mul_(Scaling);
        return weight + (site.Transposed ? delta.t() : delta);
    }

    protected override void DisposeMore()
    {
        BiasOfB?.Dispose();
        mergedBias?.Dispose();
    }
}

/// <summary>LoRA at the input embedding: y = E[id] + s·A[:, id]ᵀ·Bᵀ. There is no dropout.</summary>
internal sealed class LoraEmbedding(LoraTarget target, BaseModel model, EmbeddingSite site)
    : LoraLayer(target, model), IEmbeddingAdapter
{
    public override ModelParameter Weight => site.WeightParameter;

    public override void Attach() => site.Adapter = this;

    public override void Remove() => site.Adapter = null;

    public Tensor Forward(EmbeddingSite site, Tensor ids)
    {
        var output = site.Base(ids); // [N, C]
        var low = A.t().index_select(0, ids); // [N, r]
        return output.to(ScalarType.Float32).addmm(low, B.t(), 1, Scaling).to(output.dtype);
    }

    protected override Tensor Merged(Tensor weight) => weight + TensorOps.MatMul(B, A).mul_(Scaling).t(); // [vocab, C]
}
