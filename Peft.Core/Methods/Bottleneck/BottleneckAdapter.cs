using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Bottleneck;

/// <summary>Bottleneck adapters attached to a model, with the head of the task.</summary>
internal sealed class BottleneckAdapter : PeftAdapter
{
    private readonly BottleneckConfig config;
    private readonly List<BottleneckLayer> layers = [];
    private readonly TrainedBaseParameters head = new();

    private BottleneckAdapter(BaseModel model, BottleneckConfig config, bool train)
        : base(model, config)
    {
        this.config = config;
        var places = config.Places(model.Config).ToHashSet(StringComparer.Ordinal);
        foreach (var site in model.Sublayers.Where(s => places.Contains(s.Path)))
            layers.Add(new BottleneckLayer(site, model, config, train));
        var parameters = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        using (no_grad())
        {
            foreach (var name in config.HeadParameters(model.Config))
                head.Add(name, parameters[name], train);
        }

        Trainable = [.. layers.SelectMany(l => l.Trainable), .. head.Trainable];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static BottleneckAdapter Create(BaseModel model, BottleneckConfig config) => new(model, config, train: true);

    public static BottleneckAdapter Load(BaseModel model, BottleneckConfig config, string folder)
    {
        config.Validate(model.Config).ThrowIfInvalid(folder);

        // Loading draws nothing: what other code reads from the global generator must not depend on it.
        using var random = get_rng_state();
        var adapter = new BottleneckAdapter(model, config, train: false);
        set_rng_state(random);
        try
        {
            Read(folder, BottleneckFiles.Weights, adapter.layers.SelectMany(l => l.Trainable));
            if (adapter.head.Trainable.Any())
                Read(folder, BottleneckFiles.Head, adapter.head.Trainable);
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
        head.Attach();
    }

    protected override void Remove()
    {
        foreach (var layer in layers)
            layer.Remove();
        head.Remove();
    }

    protected override void Free()
    {
        foreach (var layer in layers)
            layer.Dispose();
        head.Dispose();
    }

    protected override void SaveWeights(string folder)
    {
        SafetensorsWriter.Write(Path.Combine(folder, BottleneckFiles.Weights), [.. layers.SelectMany(l => l.Trainable)]);
        if (head.Trainable.Any())
            SafetensorsWriter.Write(Path.Combine(folder, BottleneckFiles.Head), [.. head.Trainable]);
    }

    protected override void SaveMore(string folder, string baseModelName)
    {
        if (head.Trainable.Any())
            BottleneckFiles.WriteHeadConfig(Model, baseModelName, folder);
    }

    private static void Read(string folder, string name, IEnumerable<NamedParameter> targets)
    {
        using var file = AdapterFile.Open(folder, name);
        foreach (var (tensorName, tensor) in targets)
            file.CopyInto(tensor, tensorName);
        file.CheckAllUsed(_ => false);
    }
}
