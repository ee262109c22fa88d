using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Probe;

/// <summary>A linear probe attached to a model: float32 copies of the head compute and train in place of the base's.</summary>
internal sealed class ProbeAdapter : PeftAdapter
{
    private const string WeightsFile = "trainable.safetensors";

    private readonly TrainedBaseParameters head = new();

    private ProbeAdapter(BaseModel model, ProbeConfig config, bool train)
        : base(model, config)
    {
        using var gradOff = no_grad();
        var parameters = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var shape in config.TrainableShapes(model.Config))
            head.Add(shape.Name, parameters[shape.Name], train);
        Trainable = [.. head.Trainable];
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static ProbeAdapter Create(BaseModel model, ProbeConfig config) => new(model, config, train: true);

    public static ProbeAdapter Load(BaseModel model, ProbeConfig config, string folder)
    {
        config.Validate(model.Config).ThrowIfInvalid(folder);
        using var file = AdapterFile.Open(folder, WeightsFile);
        var adapter = new ProbeAdapter(model, config, train: false);
        try
        {
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

    protected override void Attach() => head.Attach();

    protected override void Remove() => head.Remove();

    protected override void Free() => head.Dispose();

    protected override void SaveWeights(string folder) => SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Trainable);
}
