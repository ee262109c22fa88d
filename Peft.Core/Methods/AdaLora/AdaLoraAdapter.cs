using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.AdaLora;

/// <summary>AdaLoRA attached to a model. Zeroed singular values stay in memory, since they may come back; a saved adapter holds those that live.</summary>
internal sealed class AdaLoraAdapter : PeftAdapter
{
    private const string WeightsFile = "adapter_model.safetensors";

    private readonly AdaLoraConfig config;
    private readonly ModuleSelector selector;
    private readonly List<AdaLoraLinear> layers = [];
    private readonly SavedModules saved;
    private readonly RankAllocator? allocator;

    private AdaLoraAdapter(BaseModel model, AdaLoraConfig config, bool train)
        : base(model, config)
    {
        this.config = config;
        var (chosen, modules) = config.Targets(model.Config);
        selector = chosen;
        foreach (var module in modules)
            layers.Add(CreateLayer(module, train));
        saved = new SavedModules(model, config.SavedParameters(model.Config), train);
        Trainable = [.. layers.SelectMany(l => l.Trainable), .. saved.Trainable];
        if (train)
            allocator = new RankAllocator(config, layers) { TotalSteps = config.TotalStep ?? 0 };
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Memory => allocator?.Memory ?? [];

    /// <inheritdoc />
    public override IReadOnlyDictionary<string, int> Ranks =>
        allocator?.Ranks ?? layers.ToDictionary(l => l.Path, l => (int)l.E.shape[0], StringComparer.Ordinal);

    public static AdaLoraAdapter Create(BaseModel model, AdaLoraConfig config) => new(model, config with { RankPattern = null }, train: true);

    public static AdaLoraAdapter Load(BaseModel model, AdaLoraConfig config, string folder)
    {
        config.Validate(model.Config).ThrowIfInvalid(folder);

        // Loading draws nothing: what other code reads from the global generator must not depend on it.
        using var random = get_rng_state();
        var adapter = new AdaLoraAdapter(model, config, train: false);
        set_rng_state(random);
        try
        {
            using var file = AdapterFile.Open(folder, WeightsFile);
            foreach (var (name, tensor) in adapter.Trainable)
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

    /// <inheritdoc />
    public override void Plan(int totalSteps)
    {
        if (allocator is null || config.TotalStep is not null)
            return;
        if (config.Tinit >= totalSteps - config.Tfinal)
            throw new PeftException($"total_step: {config.NoRoom(totalSteps)}");
        allocator.TotalSteps = totalSteps;
    }

    /// <summary>orth_reg_weight times the mean of ‖A·Aᵀ − I‖ and ‖Bᵀ·B − I‖ (Frobenius) over all modules; pruned rows count, too.</summary>
    public override Tensor? Penalty()
    {
        if (allocator is null)
            return null;
        using var scope = NewDisposeScope();
        Tensor? sum = null;
        foreach (var layer in layers)
        {
            using var unit = eye(layer.A.shape[0], dtype: ScalarType.Float32, device: layer.A.device);
            var term = (TensorOps.MatMul(layer.A, layer.A.t()) - unit).norm() + (TensorOps.MatMul(layer.B.t(), layer.B) - unit).norm();
            sum = sum is null ? term : sum + term;
        }

        return (sum! / (2 * layers.Count) * config.OrthRegWeight).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public override void BeforeStep(double gradientFactor) => allocator?.Remember(gradientFactor);

    /// <inheritdoc />
    public override bool AfterStep(int step) => allocator is { TotalSteps: > 0 } && allocator.Allocate(step);

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
        allocator?.Dispose();
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

    protected override PeftConfig SavedConfig() => config with
    {
        TargetModules = selector,
        FanInFanOut = layers.Exists(l => l.Transposed),
        ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType),
        TotalStep = config.TotalStep ?? (allocator is { TotalSteps: > 0 } ? allocator.TotalSteps : null),
        RankPattern = allocator?.Pattern?.ToDictionary(p => p.Key + ".lora_E", p => p.Value, StringComparer.Ordinal) ?? config.RankPattern,
    };

    protected override void SaveWeights(string folder)
    {
        using var scope = NewDisposeScope();
        var pattern = allocator?.Pattern;
        var tensors = new List<NamedParameter>();
        foreach (var layer in layers)
        {
            foreach (var (name, tensor) in layer.Trainable)
                tensors.Add(new NamedParameter(name, pattern is null ? tensor : Kept(tensor, pattern[layer.Path], name.EndsWith(".lora_B", StringComparison.Ordinal) ? 1 : 0)));
        }

        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), [.. tensors, .. saved.Trainable]);
    }

    private static Tensor Kept(Tensor full, IReadOnlyList<bool> kept, long dimension)
    {
        using var index = tensor(kept.Select((k, i) => (Kept: k, At: (long)i)).Where(p => p.Kept).Select(p => p.At).ToArray(), device: full.device);
        return full.detach().index_select(dimension, index);
    }

    /// <summary>PEFT draws A, E, B and the starting rank, and then A and B again unless they are to stay at random.</summary>
    private AdaLoraLinear CreateLayer(LinearShape module, bool train)
    {
        using var gradOff = no_grad();
        var rank = config.RankOf(module.Path);
        var (a, e, b) = (Initialization.Normal(rank, module.InFeatures), Initialization.Normal(rank, 1), Initialization.Normal(module.OutFeatures, rank));
        Initialization.Normal(1).Dispose();
        if (config.InitLoraWeights)
        {
            e.zero_();
            a.normal_(0, 0.02);
            b.normal_(0, 0.02);
        }

        var site = module.Path == Model.Head?.Path ? Model.Head : Model.Linears.First(l => l.Path == module.Path);
        return new AdaLoraLinear(site, Model, config, TaskHead.TunerPrefix + module.Path)
        {
            A = Initialization.Placed(a, Model, train),
            E = Initialization.Placed(e, Model, train),
            B = Initialization.Placed(b, Model, train),
        };
    }
}
