using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Boft;

/// <summary>BOFT attached to a model.</summary>
internal sealed class BoftAdapter : TunerAdapter
{
    private readonly BoftConfig config;

    private BoftAdapter(BaseModel model, BoftConfig config, bool train)
        : base(model, config, train) => this.config = config;

    public static BoftAdapter Create(BaseModel model, BoftConfig config) => new(model, config, train: true);

    public static BoftAdapter Load(BaseModel model, BoftConfig config, string folder) => Load(model, config, folder, () => new BoftAdapter(model, config, train: false));

    protected override TunerLayer CreateLayer(LinearShape shape, LinearSite site, bool train) => new BoftLayer(Model, site, (BoftConfig)Config, shape, train);

    protected override PeftConfig SavedConfig() => config with { TargetModules = Selector, ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType), FanInFanOut = AnyTransposed };
}

/// <summary>BOFT at one layer: y = s ⊙ W·(x·D) + b, D block-diagonal with a rotation per block.</summary>
internal sealed class BoftLayer : TunerLayer
{
    private readonly Tensor blockMatrices;
    private readonly Tensor scales;
    private readonly double dropout;
    private readonly int blocks;
    private readonly int size;

    public BoftLayer(BaseModel model, LinearSite site, BoftConfig config, LinearShape shape, bool train)
        : base(model, site)
    {
        dropout = config.BoftDropout;
        (blocks, size) = config.BlocksOf(shape);
        var (turn, scale) = (zeros([1, blocks, size, size], ScalarType.Float32), ones([shape.OutFeatures, 1], ScalarType.Float32));
        if (!config.InitWeights)
        {
            turn.normal_(0, 0.1);
            scale.normal_(1, 0.1);
        }

        blockMatrices = Add("boft_R", turn, train);
        scales = Add("boft_s", scale, train);
    }

    public override Tensor Forward(LinearSite site, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(site);

        // Turned in float32, however the base computes: rounding would make the rotations no rotations.
        var parts = input.to(ScalarType.Float32).view(-1, blocks, size).transpose(0, 1); // [blocks, N, size]
        var turned = parts.bmm(Dropped(Rotations())).transpose(0, 1).reshape(-1, (long)blocks * size);
        var output = site.Product(turned.to(input.dtype)).to(Type) * scales.t().to(Type);
        return (site.Bias is { } bias ? output + bias.to(Type) : output).to(Model.DType);
    }

    protected override Tensor Merged(Tensor weight)
    {
        var parts = weight.view(-1, blocks, size).transpose(0, 1);
        return parts.bmm(Rotations().transpose(1, 2)).transpose(0, 1).reshape(weight.shape) * scales;
    }

    /// <summary>In training some blocks, drawn as the reference draws them, do not turn.</summary>
    private Tensor Dropped(Tensor rotations)
    {
        if (dropout == 0 || !Model.Training)
            return rotations;
        using var which = randint(0, 1, [1], ScalarType.Int64); // of the one butterfly factor; the draw moves the generator
        var idle = (int)(dropout * blocks);
        var mask = cat([ones([idle]), zeros([blocks - idle])]).index_select(0, randperm(blocks, ScalarType.Int64)).to(rotations.device).view(-1, 1, 1);
        return ((1 - mask) * rotations) + (mask * eye(size, dtype: ScalarType.Float32, device: rotations.device).unsqueeze(0));
    }

    /// <summary>(I − Q)·(I + Q)⁻¹ with Q the skew-symmetric part.</summary>
    private Tensor Rotations()
    {
        var matrices = blockMatrices.squeeze(0);
        var skew = (matrices - matrices.transpose(1, 2)) * 0.5;
        var one = eye(size, dtype: ScalarType.Float32, device: skew.device).unsqueeze(0);
        return (one - skew).bmm(linalg.inv(one + skew));
    }
}
