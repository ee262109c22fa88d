using Peft.Core.Models;
using Peft.Core.Models.Blocks;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods;

/// <summary>A method at one linear layer.</summary>
internal abstract class TunerLayer(BaseModel model, LinearSite site) : ILinearAdapter, IDisposable
{
    private readonly List<(string Suffix, Tensor Tensor)> tensors = [];
    private Tensor? merged;

    /// <summary>What trains: what stands behind the path in its name, and the tensor.</summary>
    public IReadOnlyList<(string Suffix, Tensor Tensor)> Tensors => tensors;

    public LinearSite Site => site;

    protected BaseModel Model => model;

    /// <summary>Element type of the layer's own products.</summary>
    protected ScalarType Type { get; } = model.Arithmetic == Arithmetic.Reference ? ScalarType.Float32 : model.DType;

    /// <summary>Whether the weight lies as [in, out].</summary>
    protected bool Transposed => site.Transposed;

    public abstract Tensor Forward(LinearSite site, Tensor input);

    public void Attach() => site.Adapter = this;

    public void Remove() => site.Adapter = null;

    public void Merge()
    {
        using var scope = NewDisposeScope();
        var weight = site.WeightParameter.Value;
        var changed = Merged((Transposed ? weight.t() : weight).to(ScalarType.Float32));
        merged = (Transposed ? changed.t() : changed).to(weight.dtype).contiguous().DetachFromDisposeScope();
        Remove();
        site.WeightParameter.Override(merged);
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
        foreach (var (_, tensor) in tensors)
            tensor.Dispose();
        merged?.Dispose();
    }

    /// <summary>The weight [out, in] in float32 with the change in it.</summary>
    protected abstract Tensor Merged(Tensor weight);

    /// <summary>
    /// Makes a drawn tensor one that trains. As in PEFT it is moved to the base's type and back to float32: over a bfloat16 base it starts rounded.
    /// </summary>
    protected Tensor Add(string suffix, Tensor drawn, bool train)
    {
        using (drawn)
        {
            using var rounded = drawn.to(site.AdapterType(model.DType), model.Device);
            var placed = rounded.to(ScalarType.Float32, copy: true).DetachFromDisposeScope();
            placed.requires_grad = train;
            tensors.Add((suffix, placed));
            return placed;
        }
    }
}

/// <summary>A method on chosen linear layers, attached to a model, with the modules that train in full beside it.</summary>
internal abstract class TunerAdapter : PeftAdapter
{
    private const string WeightsFile = "adapter_model.safetensors";

    private readonly TunerConfig config;
    private readonly ModuleSelector selector;
    private readonly List<TunerLayer> layers = [];
    private readonly SavedModules saved;

    protected TunerAdapter(BaseModel model, TunerConfig config, bool train)
        : base(model, config)
    {
        this.config = config;
        var paths = config.SavedModules(model.Config);
        (selector, var modules) = ModuleTargets.Find(config.Rules, model.Config, paths, embeddings: false);
        using var gradOff = no_grad();
        Begin([.. modules.Select(m => m.Shape)]);
        foreach (var (shape, _) in modules)
            layers.Add(CreateLayer(shape, shape.Path == model.Head?.Path ? model.Head! : model.Linears.First(l => l.Path == shape.Path), train));
        saved = new SavedModules(model, TaskHead.Parameters(model.Config, paths, TaskHead.TunerPrefix), train);
        Trainable =
        [
            .. layers.SelectMany(l => l.Tensors.Select(t => new NamedParameter($"{TaskHead.TunerPrefix}{l.Site.Path}.{t.Suffix}", t.Tensor))),
            .. saved.Trainable,
        ];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    /// <summary>Whether any adapted weight lies as [in, out].</summary>
    protected bool AnyTransposed => layers.Exists(l => l.Site.Transposed);

    /// <summary>The targets with defaults spelled out, as they are saved.</summary>
    protected ModuleSelector Selector => selector;

    /// <summary>Frozen tensors that are saved beside what trains.</summary>
    protected virtual IEnumerable<NamedParameter> Frozen => [];

    /// <summary>Loads saved values into an adapter that <paramref name="create"/> makes.</summary>
    protected static T Load<T>(BaseModel model, TunerConfig config, string folder, Func<T> create)
        where T : TunerAdapter
    {
        var validation = config.Validate(model.Config);
        if (validation.Problems.Count > 0)
            throw new PeftException($"{Path.Combine(folder, PeftConfig.FileName)}: {string.Join(" ", validation.Problems.Select(p => $"{p.Field}: {p.Message}"))}");

        // Loading draws nothing: what other code reads from the global generator must not depend on it.
        using var random = get_rng_state();
        var adapter = create();
        set_rng_state(random);
        try
        {
            using var file = AdapterFile.Open(folder, WeightsFile);
            foreach (var (name, tensor) in adapter.Trainable)
                file.CopyInto(tensor, name);
            foreach (var (name, tensor) in adapter.Frozen)
                file.CopyInto(tensor, name);
            file.CheckAllUsed(_ => false);
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    /// <summary>Called before the first layer is made.</summary>
    protected virtual void Begin(IReadOnlyList<LinearShape> targets)
    {
    }

    /// <summary>Makes the method's part at a layer, drawing in PEFT's order.</summary>
    protected abstract TunerLayer CreateLayer(LinearShape shape, LinearSite site, bool train);

    protected override void Attach()
    {
        foreach (var layer in layers)
            layer.Attach();
        saved.Attach();
    }

    protected override void Remove()
    {
        foreach (var layer in layers)
            layer.Remove();
        saved.Remove();
    }

    protected override void Free()
    {
        foreach (var layer in layers)
            layer.Dispose();
        saved.Dispose();
    }

    protected override void MergeWeights()
    {
        foreach (var layer in layers)
            layer.Merge();
    }

    protected override void UnmergeWeights()
    {
        foreach (var layer in layers)
            layer.Unmerge(attach: Enabled);
    }

    protected override PeftConfig SavedConfig() => config.AsSaved(selector);

    protected override void SaveWeights(string folder) => SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), [.. Trainable, .. Frozen]);
}
