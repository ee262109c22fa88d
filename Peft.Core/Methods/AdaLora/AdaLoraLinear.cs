using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.AdaLora;

/// <summary>
/// AdaLoRA at a linear layer: y = W·x + b + s·B·((A ⊙ E)·dropout(x)) with s = alpha / (init_r + 1e-5), whatever rank is left. A is [r, in],
/// E [r, 1], B [out, r].
/// </summary>
internal sealed class AdaLoraLinear(LinearSite site, BaseModel model, AdaLoraConfig config, string name) : ILinearAdapter, IDisposable
{
    private readonly float scaling = (float)((config.LoraAlpha > 0 ? config.LoraAlpha : config.InitR) / ((float)config.InitR + 1e-5f));
    private readonly ScalarType adapterType = model.Arithmetic == Arithmetic.Reference ? ScalarType.Float32 : model.DType;
    private Tensor? merged;

    /// <summary>Path of the module, without what PEFT puts in front.</summary>
    public string Path => site.Path;

    public required Tensor A { get; init; }

    public required Tensor E { get; init; }

    public required Tensor B { get; init; }

    public bool Transposed => site.Transposed;

    /// <summary>What trains, in order of creation.</summary>
    public IEnumerable<NamedParameter> Trainable => [new(name + ".lora_A", A), new(name + ".lora_E", E), new(name + ".lora_B", B)];

    public void Attach() => site.Adapter = this;

    public void Remove() => site.Adapter = null;

    public Tensor Forward(LinearSite site, Tensor input)
    {
        using var scope = NewDisposeScope();
        var output = site.Base(input);
        if (A.shape[0] == 0)
            return output.MoveToOuterDisposeScope();
        var x = input.to(adapterType);
        if (config.LoraDropout > 0 && model.Training)
            x = F.dropout(x, config.LoraDropout, training: true);
        var low = TensorOps.MatMul(x, (A * E).to(adapterType).t()); // [N, r]
        var change = TensorOps.MatMul(low, B.to(adapterType).t()) * scaling; // [N, out]
        return (output.to(change.dtype) + change).to(model.DType).MoveToOuterDisposeScope();
    }

    public void Merge()
    {
        using var scope = NewDisposeScope();
        var weight = site.WeightParameter;
        var delta = TensorOps.MatMul(B, A * E) * scaling;
        merged = (weight.Value.to(ScalarType.Float32) + (site.Transposed ? delta.t() : delta)).to(weight.Value.dtype).DetachFromDisposeScope();
        weight.Override(merged);
        Remove();
    }

    public void Unmerge(bool attach)
    {
        site.WeightParameter.Restore();
        merged?.Dispose();
        merged = null;
        if (attach)
            Attach();
    }

    public void Dispose()
    {
        A.Dispose();
        E.Dispose();
        B.Dispose();
        merged?.Dispose();
    }
}
