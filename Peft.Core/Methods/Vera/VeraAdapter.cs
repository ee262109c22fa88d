using Peft.Core.Models;
using Peft.Core.Tensors;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Methods.Vera;

/// <summary>VeRA attached to a model. The shared matrices are as large as the largest layer; each layer uses their upper left part.</summary>
internal sealed class VeraAdapter : TunerAdapter
{
    private readonly VeraConfig config;
    private Tensor? sharedA;
    private Tensor? sharedB;

    private VeraAdapter(BaseModel model, VeraConfig config, bool train)
        : base(model, config, train) => this.config = config;

    protected override IEnumerable<NamedParameter> Frozen => config.SaveProjection
        ? [new NamedParameter("base_model.vera_A", sharedA!), new NamedParameter("base_model.vera_B", sharedB!)]
        : [];

    public static VeraAdapter Create(BaseModel model, VeraConfig config) => new(model, config, train: true);

    public static VeraAdapter Load(BaseModel model, VeraConfig config, string folder) => Load(model, config, folder, () => new VeraAdapter(model, config, train: false));

    protected override void Begin(IReadOnlyList<LinearShape> targets)
    {
        // A generator of its own: the same seed gives the same matrices, whatever was drawn before.
        var settings = (VeraConfig)Config;
        using var generator = new Generator((ulong)settings.ProjectionPrngKey);
        sharedA = Draw(settings.R, targets.Max(t => t.InFeatures), generator);
        sharedB = Draw(targets.Max(t => t.OutFeatures), settings.R, generator);
    }

    protected override TunerLayer CreateLayer(LinearShape shape, LinearSite site, bool train) => new VeraLayer(Model, site, (VeraConfig)Config, shape, sharedA!, sharedB!, train);

    protected override void Free()
    {
        base.Free();
        sharedA?.Dispose();
        sharedB?.Dispose();
    }

    protected override PeftConfig SavedConfig() => config with { TargetModules = Selector, ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType), FanInFanOut = AnyTransposed };

    private Tensor Draw(long rows, long columns, Generator generator)
    {
        var bound = Math.Sqrt(3) * (Math.Sqrt(2) / Math.Sqrt(columns));
        using var drawn = empty([rows, columns], ScalarType.Float32).uniform_(-bound, bound, generator);
        using var rounded = drawn.to(Model.DType, Model.Device);
        return rounded.to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
    }
}

/// <summary>VeRA at one layer.</summary>
internal sealed class VeraLayer : TunerLayer
{
    private readonly Tensor lambdaB;
    private readonly Tensor lambdaD;
    private readonly Tensor sharedA;
    private readonly Tensor sharedB;
    private readonly double dropout;
    private readonly (int In, int Out) size;

    public VeraLayer(BaseModel model, LinearSite site, VeraConfig config, LinearShape shape, Tensor sharedA, Tensor sharedB, bool train)
        : base(model, site)
    {
        (this.sharedA, this.sharedB, dropout, size) = (sharedA, sharedB, config.VeraDropout, (shape.InFeatures, shape.OutFeatures));

        // PEFT draws λd before it fills it.
        var drawn = Initialization.Normal(config.R);
        if (config.InitWeights)
            drawn.fill_(config.DInitial);
        lambdaB = Add("vera_lambda_b", zeros([shape.OutFeatures], ScalarType.Float32), train);
        lambdaD = Add("vera_lambda_d", drawn, train);
    }

    private Tensor A => sharedA.narrow(1, 0, size.In);

    private Tensor B => sharedB.narrow(0, 0, size.Out);

    public override Tensor Forward(LinearSite site, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(site);
        var output = site.Base(input);
        var x = input.to(Type);
        if (dropout > 0 && Model.Training)
            x = F.dropout(x, dropout);
        var low = F.linear(x, A.to(Type)) * lambdaD.to(Type);
        var change = F.linear(low, B.to(Type)) * lambdaB.to(Type);
        return (output.to(Type) + change).to(Model.DType);
    }

    protected override Tensor Merged(Tensor weight) => weight + TensorOps.MatMul(lambdaB.unsqueeze(1) * B, lambdaD.unsqueeze(1) * A);
}
