using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.Lora;

/// <summary>
/// DoRA (https://arxiv.org/abs/2402.09353): LoRA turns the rows of the weight, a trained vector m gives them their length:
/// y = g·(W·x + s·B·A·x) + b with g = m / ‖W + s·B·A‖, the norm taken as a constant. With dropout both corrections see the dropped input.
/// </summary>
internal sealed class DoraLinear(LoraTarget target, BaseModel model, LinearSite site, double dropout) : LoraLinear(target, model, site, dropout)
{
    private readonly ScalarType type = model.Arithmetic == Arithmetic.Reference ? ScalarType.Float32 : model.DType;
    private Tensor? magnitude;

    /// <summary>Whether the magnitudes train.</summary>
    public required bool Train { get; init; }

    /// <summary>Length of each row [out]; starts as the weight's own.</summary>
    public Tensor Magnitude => magnitude ??= StartMagnitude();

    public override IEnumerable<NamedParameter> Tensors => [.. base.Tensors, new NamedParameter($"{LoraTargets.Prefix}{Target.Path}{LoraTargets.Magnitude}", Magnitude)];

    public override Tensor Forward(LinearSite site, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(site);
        var output = site.Base(input);
        var factor = (Magnitude / RowNorms()).to(type); // [out]
        var dropping = Dropout > 0 && Model.Training;
        var x = dropping ? F.dropout(input.to(type), Dropout) : input.to(type);
        var plain = dropping ? site.Product(x.to(Model.DType))
            : site.Bias is { } bias ? output - bias.to(output.dtype) : output;
        var branch = A.to(type).mm(x.t()).t().mm(B.t().to(type)); // [N, out]
        return (output.to(type) + ((factor - 1) * plain.to(type)) + (factor * branch * Scaling)).to(Model.DType);
    }

    protected override Tensor Merged(Tensor weight)
    {
        var changed = Upright(weight) + (TensorOps.MatMul(B, A) * Scaling);
        var result = changed * (Magnitude / LengthOfRows(changed)).unsqueeze(1);
        return Site.Transposed ? result.t() : result;
    }

    protected override void DisposeMore() => magnitude?.Dispose();

    private Tensor StartMagnitude()
    {
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        using var matrix = Upright(Start.to(ScalarType.Float32)) + (TensorOps.MatMul(B, A) * Scaling);
        var start = tensor(RowLengths.Of(matrix)).to(matrix.device).DetachFromDisposeScope();
        start.requires_grad = Train;
        return start;
    }

    private Tensor RowNorms()
    {
        using var gradOff = no_grad();
        using var scope = NewDisposeScope();
        return LengthOfRows(Upright(Start.to(ScalarType.Float32)) + (TensorOps.MatMul(B, A) * Scaling)).MoveToOuterDisposeScope();
    }

    private static Tensor LengthOfRows(Tensor matrix) => linalg.norm(matrix, dims: [1]);

    private Tensor Upright(Tensor weight) => Site.Transposed ? weight.t() : weight;
}
