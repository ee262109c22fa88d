using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Lora;

/// <summary>LoRA attached to a model, with the biases, tokens and modules that train beside it.</summary>
internal sealed class LoraAdapter : PeftAdapter
{
    private const string WeightsFile = "adapter_model.safetensors";

    private readonly LoraConfig config;
    private readonly LoraTargets targets;
    private readonly List<LoraLayer> layers = [];
    private readonly TrainedBaseParameters biases = new();
    private readonly SavedModules saved;
    private readonly TrainedTokens? tokens;

    private LoraAdapter(BaseModel model, LoraConfig config, bool train)
        : base(model, config)
    {
        this.config = config;
        targets = LoraTargets.Resolve(config, model.Config);
        var factory = new LoraLayerFactory(model, config);
        foreach (var target in targets.Targets)
            layers.Add(factory.Create(target, train));
        var parameters = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var (parameter, name) in targets.TrainedBiases())
            biases.Add(name, parameters[parameter], train);
        saved = new SavedModules(model, targets.SavedParameters(), train);
        tokens = targets.Tokens() is { Count: > 0 } indices ? new TrainedTokens(model, targets.TokensName, indices, train) : null;
        Trainable = [.. layers.SelectMany(l => l.Tensors), .. biases.Trainable, .. saved.Trainable, .. tokens is null ? [] : new[] { tokens.Trainable }];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    /// <summary>The adapted modules.</summary>
    public IReadOnlyList<LoraLayer> Layers => layers;

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
                file.CopyInto(tensor, NameInFile(name), name.Replace(".base_layer.bias", ".bias", StringComparison.Ordinal));
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
        biases.Attach();
        saved.Attach();
        tokens?.Attach();
    }

    protected override void Remove()
    {
        foreach (var layer in layers)
            layer.Remove();
        biases.Remove();
        saved.Remove();
        tokens?.Remove();
    }

    protected override void Free()
    {
        foreach (var layer in layers)
            layer.Dispose();
        biases.Dispose();
        saved.Dispose();
        tokens?.Dispose();
    }

    protected override void MergeWeights()
    {
        foreach (var layer in layers)
            layer.Merge();
        tokens?.Merge();
    }

    protected override void UnmergeWeights()
    {
        foreach (var layer in layers)
            layer.Unmerge(attach: Enabled);
        tokens?.Unmerge(attach: Enabled);
    }

    protected override PeftConfig SavedConfig() => config with
    {
        TargetModules = targets.Selector,
        ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType),
        FanInFanOut = layers.OfType<LoraLinear>().Any(l => l.Transposed),
    };

    protected override void SaveWeights(string folder)
    {
        var tensors = Trainable.Select(p => p with { Name = NameInFile(p.Name) }).ToList();

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

    /// <summary>PEFT keeps the magnitudes of DoRA in a module of their own, and takes its name off in the file.</summary>
    private static string NameInFile(string name) => name.EndsWith(LoraTargets.Magnitude, StringComparison.Ordinal) ? name[..^".weight".Length] : name;
}
