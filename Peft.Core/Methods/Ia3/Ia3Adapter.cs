using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Ia3;

/// <summary>(IA)³ attached to a model.</summary>
internal sealed class Ia3Adapter : PeftAdapter
{
    private const string WeightsFile = "adapter_model.safetensors";

    private readonly Ia3Config config;
    private readonly ModuleSelector selector;
    private readonly ModuleSelector feedforward;
    private readonly List<Ia3Linear> layers = [];
    private readonly SavedModules saved;

    private Ia3Adapter(BaseModel model, Ia3Config config, bool train)
        : base(model, config)
    {
        this.config = config;
        var (chosen, inputs, modules) = config.Targets(model.Config);
        (selector, feedforward) = (chosen, inputs);
        foreach (var (module, scalesInput) in modules)
        {
            using var gradOff = no_grad();

            // PEFT draws factors and then replaces them by ones.
            var drawn = scalesInput ? Initialization.Normal(1, module.InFeatures) : Initialization.Normal(module.OutFeatures, 1);
            if (config.InitIa3Weights)
                drawn.fill_(1);
            var site = module.Path == model.Head?.Path ? model.Head : model.Linears.First(l => l.Path == module.Path);
            layers.Add(new Ia3Linear(site, model, scalesInput, Initialization.Placed(drawn, model, train)));
        }

        saved = new SavedModules(model, config.SavedParameters(model.Config), train);
        Trainable = [.. layers.Select(l => l.Trainable), .. saved.Trainable];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static Ia3Adapter Create(BaseModel model, Ia3Config config) => new(model, config, train: true);

    public static Ia3Adapter Load(BaseModel model, Ia3Config config, string folder)
    {
        config.Validate(model.Config).ThrowIfInvalid(folder);

        // Loading draws nothing: what other code reads from the global generator must not depend on it.
        using var random = get_rng_state();
        var adapter = new Ia3Adapter(model, config, train: false);
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

    protected override PeftConfig SavedConfig() => config with
    {
        TargetModules = selector,
        FeedforwardModules = feedforward,
        FanInFanOut = layers.Exists(l => l.Transposed),
        ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType),
    };

    protected override void SaveWeights(string folder) => SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Trainable);
}
