using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.Lokr;

/// <summary>LoKr attached to a model.</summary>
internal sealed class LokrAdapter : TunerAdapter
{
    private LokrAdapter(BaseModel model, LokrConfig config, bool train)
        : base(model, config, train)
    {
    }

    public static LokrAdapter Create(BaseModel model, LokrConfig config) => new(model, config, train: true);

    public static LokrAdapter Load(BaseModel model, LokrConfig config, string folder) => Load(model, config, folder, () => new LokrAdapter(model, config, train: false));

    protected override TunerLayer CreateLayer(LinearShape shape, LinearSite site, bool train) => new LokrLayer(Model, site, (LokrConfig)Config, shape, train);
}

/// <summary>LoKr at one layer. Each factor is one matrix, or the product of two.</summary>
internal sealed class LokrLayer : TunerLayer
{
    private readonly Tensor[] first;
    private readonly Tensor[] second;
    private readonly float scaling;
    private readonly LokrConfig config;

    public LokrLayer(BaseModel model, LinearSite site, LokrConfig config, LinearShape shape, bool train)
        : base(model, site)
    {
        (this.config, scaling) = (config, (float)config.ScalingOf(shape.Path));

        // The first tensor starts at zero, so that the change does; the others are drawn.
        var tensors = config.ShapesAt(shape).Select((s, i) => Add(s.Suffix, Start(s.Shape, zero: i == 0 && config.InitWeights), train)).ToArray();
        var split = config.CutOf(shape).FullFirst ? 1 : 2;
        (first, second) = (tensors[..split], tensors[split..]);
    }

    public override Tensor Forward(LinearSite site, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(site);
        var output = site.Base(input);

        // PEFT draws in training even when nothing is dropped.
        if (Model.Training && rand(1).item<float>() <= config.ModuleDropout)
            return output;
        var delta = Delta();
        if (Model.Training && config.RankDropout > 0)
        {
            var kept = rand(delta.shape[0]).gt(config.RankDropout).to(ScalarType.Float32);
            delta = delta * (config.RankDropoutScale ? kept / kept.mean() : kept).unsqueeze(1);
        }

        return (output.to(Type) + F.linear(input.to(Type), delta.to(Type))).to(Model.DType);
    }

    protected override Tensor Merged(Tensor weight) => weight + Delta();

    private Tensor Delta() => kron(Factor(first), Factor(second)) * scaling;

    private static Tensor Factor(Tensor[] parts) => parts.Length == 1 ? parts[0] : TensorOps.MatMul(parts[0], parts[1]);

    private static Tensor Start(long[] shape, bool zero)
    {
        if (zero)
            return zeros(shape, ScalarType.Float32);
        var drawn = empty(shape, ScalarType.Float32);
        Initialization.KaimingUniform(drawn, shape[1]);
        return drawn;
    }
}
