using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>LoRA attached to a model, with the biases and modules that train beside it.</summary>
internal sealed class LoraAdapter : PeftAdapter
{
    private const string WeightsFile = "adapter_model.safetensors";

    private readonly LoraConfig config;
    private readonly LoraTargets targets;
    private readonly List<LoraLayer> layers = [];
    private readonly TrainedBaseParameters biases = new();
    private readonly TrainedBaseParameters saved = new();
    private readonly List<(Action<ModelParameter> Put, ModelParameter Own, ModelParameter Shared)> untied = [];

    private LoraAdapter(BaseModel model, LoraConfig config, bool train)
        : base(model, config)
    {
        this.config = config;
        targets = LoraTargets.Resolve(config, model.Config);
        foreach (var target in targets.Targets)
            layers.Add(CreateLayer(target, train));
        var parameters = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var (parameter, name) in targets.TrainedBiases())
            biases.Add(name, parameters[parameter], train);
        foreach (var (parameter, name) in targets.SavedParameters())
            saved.Add(name, Untie(parameters[parameter], name), train);
        Trainable =
        [
            .. layers.SelectMany(l => new[] { new NamedParameter(LoraTargets.Names(l.Target).A, l.A), new NamedParameter(LoraTargets.Names(l.Target).B, l.B) }),
            .. biases.Trainable,
            .. saved.Trainable,
        ];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static LoraAdapter Create(BaseModel model, LoraConfig config) => new(model, config, train: true);

    public static LoraAdapter Load(BaseModel model, LoraConfig config, string folder)
    {
        var validation = config.Validate(model.Config);
        if (validation.Problems.Count > 0)
            throw new PeftException($"{Path.Combine(folder, PeftConfig.FileName)}: {string.Join(" ", validation.Problems.Select(p => $"{p.Field}: {p.Message}"))}");

        // Loading draws nothing: what other code reads from the global generator must not depend on it.
        using var random = get_rng_state();
        var adapter = new LoraAdapter(model, config, train: false);
        set_rng_state(random);
        try
        {
            using var file = AdapterFile.Open(folder, WeightsFile);
            foreach (var (name, tensor) in adapter.Trainable)
                file.CopyInto(tensor, name, name.Replace(".base_layer.bias", ".bias", StringComparison.Ordinal));
            file.CheckAllUsed(name => name.EndsWith(".base_layer.weight", StringComparison.Ordinal));
            return adapter;
        }
        catch
        {
            adapter.Dispose();
            throw;
        }
    }

    protected override void Attach()
    {
        foreach (var layer in layers)
            layer.Attach();
        foreach (var (put, own, _) in untied)
            put(own);
        biases.Attach();
        saved.Attach();
    }

    protected override void Remove()
    {
        foreach (var layer in layers)
            layer.Remove();
        biases.Remove();
        saved.Remove();
        foreach (var (put, _, shared) in untied)
            put(shared);
    }

    protected override void Free()
    {
        foreach (var layer in layers)
            layer.Dispose();
        biases.Dispose();
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
        TargetModules = targets.Selector,
        ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType),
        FanInFanOut = layers.Exists(l => l.Target.Transposed),
    };

    protected override void SaveWeights(string folder)
    {
        var tensors = Trainable.ToList();

        // PEFT keeps the base weights of an adapted embedding or head beside the adapter, as their vocabulary may have been enlarged;
        // it knows them by these names only.
        foreach (var layer in layers)
        {
            var path = layer.Target.Path;
            if (path.Split('.')[^1] is "embed_tokens" or "lm_head")
                tensors.Add(new NamedParameter($"{LoraTargets.Prefix}{path}.base_layer.weight", layer.Weight.Original));
        }

        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), tensors);
    }

    private LoraLayer CreateLayer(LoraTarget target, bool train)
    {
        using var gradOff = no_grad();
        var (a, b) = target.IsEmbedding ? DrawEmbedding(target) : DrawLinear(target);
        (a, b) = (Place(a, train), Place(b, train));
        if (target.IsEmbedding)
            return new LoraEmbedding(target, Model, Model.Embeddings.First(e => e.Path == target.Path)) { A = a, B = b };
        var site = target.Path == Model.Head?.Path ? Model.Head : Model.Linears.First(l => l.Path == target.Path);
        return new LoraLinear(target, Model, site, config.LoraDropout) { A = a, B = b };
    }

    /// <summary>PEFT makes two linear layers, which draw themselves, and then resets A and B according to the setting.</summary>
    private (Tensor A, Tensor B) DrawLinear(LoraTarget target)
    {
        var a = Initialization.LinearWeight(target.Rank, target.InFeatures);
        var b = Initialization.LinearWeight(target.OutFeatures, target.Rank);
        if (config.InitLoraWeights == LoraInit.Default)
            Initialization.KaimingUniform(a, target.InFeatures);
        else if (config.InitLoraWeights == LoraInit.Gaussian)
            a.normal_(0, 1.0 / target.Rank);
        if (config.InitLoraWeights != LoraInit.Random)
            b.fill_(0);
        return (a, b);
    }

    private (Tensor A, Tensor B) DrawEmbedding(LoraTarget target)
    {
        var a = Initialization.Normal(target.Rank, target.InFeatures);
        var b = Initialization.Normal(target.OutFeatures, target.Rank);
        if (config.InitLoraWeights != LoraInit.Random)
        {
            a.fill_(0);
            b.normal_();
        }

        return (a, b);
    }

    /// <summary>PEFT moves fresh weights to the base's type and then back to float32: over a bfloat16 base they start rounded.</summary>
    private Tensor Place(Tensor drawn, bool train)
    {
        using (drawn)
        {
            using var rounded = drawn.to(Model.DType, Model.Device);
            var placed = rounded.to(ScalarType.Float32).DetachFromDisposeScope();
            placed.requires_grad = train;
            return placed;
        }
    }

    /// <summary>A tied embedding and head that train apart get parameters of their own.</summary>
    private ModelParameter Untie(ModelParameter parameter, string name)
    {
        var (embedding, head) = (Model.Embedding, Model.Head!);
        if (!Model.Config.HeadIsTied || parameter != embedding.WeightParameter)
            return parameter;
        var own = new ModelParameter(name, parameter.Original);
        untied.Add(name.Contains(Model.Config.HeadPath!, StringComparison.Ordinal)
            ? (p => head.WeightParameter = p, own, parameter)
            : (p => embedding.WeightParameter = p, own, parameter));
        return own;
    }
}
