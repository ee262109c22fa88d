using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.Prefix;

/// <summary>
/// Prefix-tuning attached to a model. The table [V, 2·L·t] is cut into keys and values of layer 0, layer 1, …; virtual keys are not
/// rotated, and positions of real tokens start at V. Saved is the table alone, already projected.
/// </summary>
internal sealed class PrefixTuningAdapter : PeftAdapter, IPrefixSource
{
    private const string WeightsFile = "adapter_model.safetensors";
    private const string TableName = "prompt_embeddings";

    private readonly PrefixTuningConfig config;
    private readonly PrefixEncoder encoder;

    private PrefixTuningAdapter(BaseModel model, PrefixTuningConfig config, PrefixEncoder encoder)
        : base(model, config)
    {
        this.config = config;
        this.encoder = encoder;
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable => encoder.Parameters;

    /// <inheritdoc />
    public int Length => config.NumVirtualTokens;

    public static PrefixTuningAdapter Create(BaseModel model, PrefixTuningConfig config) =>
        new(model, config, new PrefixEncoder(config, model));

    public static PrefixTuningAdapter Load(BaseModel model, PrefixTuningConfig config, string folder)
    {
        var validation = config.Validate(model.Config);
        if (validation.Problems.Count > 0)
            throw new PeftException($"{Path.Combine(folder, PeftConfig.FileName)}: {string.Join(" ", validation.Problems.Select(p => $"{p.Field}: {p.Message}"))}");
        using var file = AdapterFile.Open(folder, WeightsFile);
        var table = zeros([config.NumVirtualTokens, 2L * model.Config.NumHiddenLayers * PrefixTuningConfig.KeyWidth(model.Config)], ScalarType.Float32, model.Device)
            .DetachFromDisposeScope();
        try
        {
            file.CopyInto(table, TableName);
            file.CheckAllUsed(_ => false);
        }
        catch
        {
            table.Dispose();
            throw;
        }

        return new PrefixTuningAdapter(model, config, new PrefixEncoder(table));
    }

    /// <inheritdoc />
    public Tensor[] KeysAndValues()
    {
        var model = Model.Config;
        return encoder.Table()
            .view(Length, 2L * model.NumHiddenLayers, model.NumKeyValueHeads, model.HeadDim)
            .permute(1, 2, 0, 3) // [2L, Hkv, V, D]
            .to(Model.DType)
            .unbind(0);
    }

    protected override void Attach()
    {
        if (Model.Prefix is not null && Model.Prefix != this)
            throw new PeftException("The model already carries a prefix; detach it first.");
        Model.Prefix = this;
    }

    protected override void Remove() => Model.Prefix = null;

    protected override void Free() => encoder.Dispose();

    protected override PeftConfig SavedConfig() => config.FilledFor(Model.Config);

    protected override void SaveWeights(string folder)
    {
        using var table = encoder.Table();
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), [new NamedParameter(TableName, table)]);
    }
}
