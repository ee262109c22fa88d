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
    private readonly TrainedBaseParameters head;

    private PrefixTuningAdapter(BaseModel model, PrefixTuningConfig config, PrefixEncoder encoder, bool train)
        : base(model, config)
    {
        this.config = config;
        this.encoder = encoder;
        using (no_grad())
            head = TaskHead.Train(model, config.TaskType, TaskHead.PromptPrefix, train);
        Trainable = [.. head.Trainable, .. encoder.Parameters];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    /// <inheritdoc />
    public int Length => config.NumVirtualTokens;

    public static PrefixTuningAdapter Create(BaseModel model, PrefixTuningConfig config) =>
        new(model, config, new PrefixEncoder(config, model), train: true);

    public static PrefixTuningAdapter Load(BaseModel model, PrefixTuningConfig config, string folder)
    {
        var validation = config.Validate(model.Config);
        if (validation.Problems.Count > 0)
            throw new PeftException($"{Path.Combine(folder, PeftConfig.FileName)}: {string.Join(" ", validation.Problems.Select(p => $"{p.Field}: {p.Message}"))}");
        using var file = AdapterFile.Open(folder, WeightsFile);
        var table = zeros([config.NumVirtualTokens, 2L * model.Config.NumHiddenLayers * PrefixTuningConfig.KeyWidth(model.Config)], ScalarType.Float32, model.Device)
            .DetachFromDisposeScope();
        var adapter = new PrefixTuningAdapter(model, config, new PrefixEncoder(table), train: false);
        try
        {
            file.CopyInto(table, TableName);
            foreach (var (name, tensor) in adapter.head.Trainable)
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
    public Tensor[] KeysAndValues()
    {
        var model = Model.Config;
        var slices = encoder.Table()
            .view(Length, 2L * model.NumHiddenLayers, model.NumKeyValueHeads, model.HeadDim)
            .permute(1, 2, 0, 3) // [2L, Hkv, V, D]
            .to(Model.DType)
            .unbind(0);
        if (Model is not EncoderDecoderModel)
            return slices;

        // PEFT cuts twice the table into (own key, own value, cross key, cross value) per layer and then drops what was meant for looking
        // at the input: layer i has the pair at 4i, counted around.
        return [.. Enumerable.Range(0, model.NumHiddenLayers).SelectMany(i => Pair(slices, 4 * i % slices.Length))];
    }

    private static Tensor[] Pair(Tensor[] slices, int at) => [slices[at], slices[at + 1]];

    protected override void Attach()
    {
        if (Model.Prefix is not null && Model.Prefix != this)
            throw new PeftException("The model already carries a prefix; detach it first.");
        Model.Prefix = this;
        head.Attach();
    }

    protected override void Remove()
    {
        Model.Prefix = null;
        head.Remove();
    }

    protected override void Free()
    {
        encoder.Dispose();
        head.Dispose();
    }

    protected override PeftConfig SavedConfig() => config.FilledFor(Model.Config);

    protected override void SaveWeights(string folder)
    {
        using var table = encoder.Table();
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), [.. head.Trainable, new NamedParameter(TableName, table)]);
    }
}
