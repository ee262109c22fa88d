using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Methods.AdaptionPrompt;

/// <summary>Adaption prompts attached to the last attentions of a model.</summary>
internal sealed class AdaptionPromptAdapter : PeftAdapter
{
    private const string WeightsFile = "adapter_model.safetensors";

    private readonly AdaptionPromptConfig config;
    private readonly List<AdaptionPromptLayer> layers = [];

    private AdaptionPromptAdapter(BaseModel model, AdaptionPromptConfig config, bool train)
        : base(model, config)
    {
        this.config = config;
        foreach (var layer in config.Layers(model.Config))
        {
            using var gradOff = no_grad();
            var prompt = Initialization.Placed(Initialization.Normal(1, config.AdapterLen, model.Config.HiddenSize), model, train);
            var gate = Initialization.Placed(zeros(1).DetachFromDisposeScope(), model, train);
            layers.Add(new AdaptionPromptLayer(model, model.Attentions[layer], prompt, gate));
        }

        Trainable = [.. layers.SelectMany(l => l.Trainable)];
        Attach();
    }

    /// <inheritdoc />
    public override IReadOnlyList<NamedParameter> Trainable { get; }

    public static AdaptionPromptAdapter Create(BaseModel model, AdaptionPromptConfig config) => new(model, config, train: true);

    public static AdaptionPromptAdapter Load(BaseModel model, AdaptionPromptConfig config, string folder)
    {
        config.Validate(model.Config).ThrowIfInvalid(folder);

        // Loading draws nothing: what other code reads from the global generator must not depend on it.
        using var random = get_rng_state();
        var adapter = new AdaptionPromptAdapter(model, config, train: false);
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
    }

    protected override void Remove()
    {
        foreach (var layer in layers)
            layer.Remove();
    }

    protected override void Free()
    {
        foreach (var layer in layers)
            layer.Dispose();
    }

    protected override PeftConfig SavedConfig() => config with { TargetModules = AdaptionPromptConfig.Target(Model.Config.ModelType) };

    protected override void SaveWeights(string folder) => SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), Trainable);
}
