using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Oft;

/// <summary>OFT attached to a model.</summary>
internal sealed class OftAdapter : TunerAdapter
{
    private readonly OftConfig config;

    private OftAdapter(BaseModel model, OftConfig config, bool train)
        : base(model, config, train) => this.config = config;

    public static OftAdapter Create(BaseModel model, OftConfig config) => new(model, config, train: true);

    public static OftAdapter Load(BaseModel model, OftConfig config, string folder) => Load(model, config, folder, () => new OftAdapter(model, config, train: false));

    protected override TunerLayer CreateLayer(LinearShape shape, LinearSite site, bool train) => new OftLayer(Model, site, (OftConfig)Config, shape, train);

    protected override PeftConfig SavedConfig() => config with { TargetModules = Selector, ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType), FanInFanOut = AnyTransposed };
}

/// <summary>OFT at one layer: y = W·(x·R) + b, R a rotation per block, kept as the upper triangle of a skew-symmetric matrix.</summary>
internal sealed class OftLayer : TunerLayer
{
    private readonly Tensor triangles;
    private readonly OftConfig config;
    private readonly int blocks;
    private readonly int size;

    public OftLayer(BaseModel model, LinearSite site, OftConfig config, LinearShape shape, bool train)
        : base(model, site)
    {
        this.config = config;
        (blocks, size) = config.BlocksOf(shape);
        var start = zeros(config.ShapesAt(shape)[0].Shape, ScalarType.Float32);
        if (!config.InitWeights)
            start.normal_(0, 0.1);
        triangles = Add("oft_R.weight", start, train);
    }

    public override Tensor Forward(LinearSite site, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(site);

        // Turned in float32, however the base computes: rounding would make the rotations no rotations.
        var parts = input.to(ScalarType.Float32).view(-1, blocks, size).transpose(0, 1); // [blocks, N, size]
        var turned = parts.bmm(Rotations()).transpose(0, 1).reshape(-1, (long)blocks * size);
        return site.Base(turned.to(input.dtype));
    }

    protected override Tensor Merged(Tensor weight)
    {
        // x·R·Wᵀ = x·(W·Rᵀ)ᵀ, block by block.
        var parts = weight.view(-1, blocks, size).transpose(0, 1);
        return parts.bmm(Rotations().transpose(1, 2)).transpose(0, 1).reshape(weight.shape);
    }

    /// <summary>Q = U − Uᵀ, then its Cayley transform (I − Q)⁻¹·(I + Q) as a series, or exactly (I − Q)·(I + Q)⁻¹ (the reference's two conventions).</summary>
    private Tensor Rotations()
    {
        var skew = Skew();
        var one = eye(size, dtype: ScalarType.Float32, device: skew.device).unsqueeze(0);
        var rotation = config.UseCayleyNeumann ? Series(one, skew) : (one - skew).bmm(linalg.inv(one + skew));
        return rotation.expand(blocks, size, size);
    }

    private Tensor Series(Tensor one, Tensor skew)
    {
        // I + 2Q + 2Q² + … with the last power once.
        var sum = one + (skew * 2);
        if (config.NumCayleyNeumannTerms == 2)
            return sum;
        var power = skew.bmm(skew);
        sum = sum + (power * 2);
        for (var i = 3; i < config.NumCayleyNeumannTerms - 1; i++)
        {
            power = power.bmm(skew);
            sum = sum + (power * 2);
        }

        return sum + power.bmm(skew);
    }

    private Tensor Skew()
    {
        var count = triangles.shape[0];
        var places = triu_indices(size, size, 1);
        var flat = (places[0] * size) + places[1];
        var upper = zeros([count, (long)size * size], ScalarType.Float32, triangles.device).index_copy(1, flat, triangles).view(count, size, size);
        return upper - upper.transpose(1, 2);
    }
}
