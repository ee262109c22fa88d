using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.LnTuning;

/// <summary>LN tuning attached to a model: float32 copies of the norms compute and train in place of the base's.</summary>
internal sealed class LnTuningAdapter : PeftAdapter
{
    private const string WeightsFile = "adapter_model.safetensors";

    private readonly LnTuningConfig config;
    private readonly TrainedBaseParameters norms = new();
    private readonly SavedModules saved;

    private LnTuningAdapter(BaseModel model, LnTuningConfig config, bool train)
        : base(model, config)
    {
        this.config = config;
        using var gradOff = no_grad();
        var parameters = model.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var (parameter, name) in config.NormParameters(model.Config))
            norms.Add(name, parameters[parameter], train);
        saved = new SavedModules(model, config.SavedParameters(model.Config), train);
        Trainable = [.. norms.Trainable, .. saved.Trainable];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static LnTuningAdapter Create(BaseModel model, LnTuningConfig config) => new(model, config, train: true);

    public static LnTuningAdapter Load(BaseModel model, LnTuningConfig config, string folder)
    {
        config.Validate(model.Config).ThrowIfInvalid(folder);
        var adapter = new LnTuningAdapter(model, config, train: false);
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
        norms.Attach();
        saved.Attach();
    }

    protected override void Remove()
    {
        norms.Remove();
        saved.Remove();
    }

    protected override void Free()
    {
        norms.Dispose();
        saved.Dispose();
    }

    protected override PeftConfig SavedConfig() => config with
    {
        TargetModules = config.Targets(Model.Config).Selector,
        ModulesToSave = TaskHead.Saved(config.ModulesToSave, config.TaskType),
    };

    protected override void SaveWeights(string folder) => SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Trainable);
}
