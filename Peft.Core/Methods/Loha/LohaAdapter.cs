using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.Loha;

/// <summary>LoHa attached to a model.</summary>
internal sealed class LohaAdapter : TunerAdapter
{
    private LohaAdapter(BaseModel model, LohaConfig config, bool train)
        : base(model, config, train)
    {
    }

    public static LohaAdapter Create(BaseModel model, LohaConfig config) => new(model, config, train: true);

    public static LohaAdapter Load(BaseModel model, LohaConfig config, string folder) => Load(model, config, folder, () => new LohaAdapter(model, config, train: false));

    protected override TunerLayer CreateLayer(LinearShape shape, LinearSite site, bool train) => new LohaLayer(Model, site, (LohaConfig)Config, shape, train);
}

/// <summary>LoHa at one layer.</summary>
internal sealed class LohaLayer : TunerLayer
{
    private readonly Tensor w1a;
    private readonly Tensor w1b;
    private readonly Tensor w2a;
    private readonly Tensor w2b;
    private readonly float scaling;
    private readonly LohaConfig config;

    public LohaLayer(BaseModel model, LinearSite site, LohaConfig config, LinearShape shape, bool train)
        : base(model, site)
    {
        (this.config, scaling) = (config, (float)config.ScalingOf(shape.Path));
        var r = config.RankOf(shape.Path);
        w1a = Add("hada_w1_a", Draw(shape.OutFeatures, r), train);
        w1b = Add("hada_w1_b", Draw(r, shape.InFeatures), train);
        w2a = Add("hada_w2_a", Draw(shape.OutFeatures, r), train);
        w2b = Add("hada_w2_b", config.InitWeights ? zeros([r, shape.InFeatures], ScalarType.Float32) : Draw(r, shape.InFeatures), train);
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
            delta = delta * (kept / kept.mean()).unsqueeze(1);
        }

        return (output.to(Type) + F.linear(input.to(Type), delta.to(Type))).to(Model.DType);
    }

    protected override Tensor Merged(Tensor weight) => weight + Delta();

    private Tensor Delta() => TensorOps.MatMul(w1a, w1b) * TensorOps.MatMul(w2a, w2b) * scaling;

    private static Tensor Draw(long rows, long columns)
    {
        var drawn = empty([rows, columns], ScalarType.Float32);
        Initialization.KaimingUniform(drawn, columns);
        return drawn;
    }
}
