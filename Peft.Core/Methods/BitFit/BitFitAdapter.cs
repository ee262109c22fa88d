using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.BitFit;

/// <summary>BitFit attached to a model: float32 copies of the biases compute and train in place of the base's.</summary>
internal sealed class BitFitAdapter : PeftAdapter
{
    private const string WeightsFile = "trainable.safetensors";

    private readonly TrainedBaseParameters biases = new();

    private BitFitAdapter(BaseModel model, BitFitConfig config, bool train)
        : base(model, config)
    {
        using var gradOff = no_grad();
        var parameters = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var shape in config.TrainableShapes(model.Config))
            biases.Add(shape.Name, parameters[shape.Name], train);
        Trainable = [.. biases.Trainable];
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static BitFitAdapter Create(BaseModel model, BitFitConfig config) => new(model, config, train: true);

    public static BitFitAdapter Load(BaseModel model, BitFitConfig config, string folder)
    {
        config.Validate(model.Config).ThrowIfInvalid();
        using var file = AdapterFile.Open(folder, WeightsFile);
        var adapter = new BitFitAdapter(model, config, train: false);
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

    protected override void Attach() => biases.Attach();

    protected override void Remove() => biases.Remove();

    protected override void Free() => biases.Dispose();

    protected override void SaveWeights(string folder) => SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Trainable);
}
