using Peft.Core.Models.Blocks;
using Peft.Core.Quantization;
using Peft.Core.Runtime;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>How a base model is loaded.</summary>
public sealed record ModelLoadOptions
{
    /// <summary>
    /// Element type to compute in: <c>auto</c> (a bfloat16 checkpoint stays bfloat16 where the CPU multiplies it fast, everything else is
    /// float32), <c>float32</c> or <c>bfloat16</c>.
    /// </summary>
    public string Dtype { get; init; } = "auto";

    /// <summary><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Where operations of a bfloat16 model are rounded.</summary>
    public Arithmetic Arithmetic { get; init; }

    /// <summary>What the model is for; null takes the architecture's first task (for a decoder: predicting the next token).</summary>
    public ModelTask? Task { get; init; }

    /// <summary>Labels of a classification; null takes the config's number.</summary>
    public int? NumLabels { get; init; }

    /// <summary>Keeps linear layers in 4 bits; null, or without <c>load_in_4bit</c>, leaves them as they are. Files that are 4-bit already stay so.</summary>
    public QuantizationConfig? Quantization { get; init; }

    /// <summary>Names of the labels in order; wins over <see cref="NumLabels"/>. Null leaves the config's.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>What labels are (<see cref="ModelConfig.ProblemType"/>); null takes the config's.</summary>
    public string? ProblemType { get; init; }

    /// <summary>Id for padding where the config names none.</summary>
    public int? PadTokenId { get; init; }
}

/// <summary>
/// A base model with the head of a task. It offers sites (linear layers, embeddings, head, attentions) that methods attach to, and knows
/// no method. Weights are frozen; the model is used by one thread at a time.
/// </summary>
public abstract class BaseModel : IDisposable
{
    private readonly WeightSource weights;

    /// <summary>Takes what every architecture needs.</summary>
    protected BaseModel(ModelConfig config, WeightSource weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.weights = weights;
        Config = config;
    }

    /// <summary>The config.</summary>
    public ModelConfig Config { get; }

    /// <summary>Element type of weights and activations.</summary>
    public ScalarType DType => weights.DType;

    /// <summary>Where it computes.</summary>
    public Device Device => weights.Device;

    /// <summary>Folder it was loaded from.</summary>
    public string Folder { get; private set; } = "";

    /// <summary>Where operations of a bfloat16 model are rounded.</summary>
    public Arithmetic Arithmetic { get; private set; }

    /// <summary>How its linear layers are kept in 4 bits; null when they are not.</summary>
    public BaseQuantization? Quantization => weights.Quantization;

    /// <summary>True while training: adapters apply their dropout.</summary>
    public bool Training { get; set; }

    /// <summary>Every base parameter in module order, a tied head once.</summary>
    public IReadOnlyList<ModelParameter> Parameters => weights.Taken;

    /// <summary>Every linear layer in module order, without the head.</summary>
    public IReadOnlyList<LinearSite> Linears => weights.Linears;

    /// <summary>Every embedding in module order; the first is the input embedding.</summary>
    public IReadOnlyList<EmbeddingSite> Embeddings => weights.Embeddings;

    /// <summary>Every norm in module order.</summary>
    public IReadOnlyList<NormSite> Norms => weights.Norms;

    /// <summary>Every place where a sub-layer is added to the residual stream, in module order; empty where an architecture does not offer them.</summary>
    public IReadOnlyList<SublayerSite> Sublayers => weights.Sublayers;

    /// <summary>Parameters of the head that the checkpoint lacks, so that they start from random values.</summary>
    public IReadOnlyList<string> Initialised => weights.Initialised;

    /// <summary>Every attention that takes learned keys and values.</summary>
    public abstract IReadOnlyList<AttentionSite> Attentions { get; }

    /// <summary>The input embedding.</summary>
    public EmbeddingSite Embedding => weights.Embeddings[0];

    /// <summary>The head of the task; null when the task is the hidden states themselves.</summary>
    public abstract LinearSite? Head { get; }

    /// <summary>Learned keys and values in front of every attention, if a method attached some.</summary>
    public IPrefixSource? Prefix { get; set; }

    /// <summary>Learned vectors in front of the text, if a method attached some.</summary>
    public ISoftPromptSource? SoftPrompt { get; set; }

    /// <summary>Computes layers again for their gradient instead of keeping what they made; null keeps it. Set per batch while training.</summary>
    public Recomputation? Recomputation { get; set; }

    /// <summary>α of the noise on the embeddings while training (NEFTune, https://arxiv.org/abs/2310.05914); 0 for none.</summary>
    public double NeftuneNoiseAlpha { get; set; }

    /// <summary>Virtual tokens that stand in front of the outputs, too.</summary>
    public int LeadingOutputs => SoftPrompt?.Length ?? 0;

    /// <summary>Loads a Hugging Face folder; weights that need no conversion stay mapped.</summary>
    /// <exception cref="PeftException">Missing or damaged files, unknown architecture or task, absent device or unknown dtype.</exception>
    public static BaseModel Load(string folder, ModelLoadOptions? options = null)
    {
        options ??= new ModelLoadOptions();
        var device = TorchRuntime.ResolveDevice(options.Device);
        var config = ModelConfig.Load(folder, options.Task, options.Labels?.Count ?? options.NumLabels);
        config = config with
        {
            Labels = options.Labels ?? config.Labels,
            ProblemType = options.ProblemType ?? config.ProblemType,
            PadTokenId = config.PadTokenId ?? options.PadTokenId,
        };
        using var checkpoint = Checkpoint.Open(folder);
        using var gradOff = no_grad();
        var quantization = BaseQuantization.Choose(folder, config, options.Quantization);
        if (quantization is not null)
            TorchRuntime.PreferLittleMemory();
        var weights = WeightSource.From(checkpoint, config, ChooseDtype(options.Dtype, config, checkpoint), device, quantization);
        var model = ModelRegistry.Find(config.ModelType).Create(config, weights);
        model.Folder = folder;
        model.Arithmetic = options.Arithmetic;
        return model;
    }

    /// <summary>A batch with the virtual tokens of a soft prompt in front: ids [B, V + T] and mask [B, V + T].</summary>
    internal (Tensor Ids, Tensor? Mask) BehindPrompt(Tensor inputIds, Tensor? attentionMask)
    {
        if (SoftPrompt is not { } prompt)
            return (inputIds, attentionMask);
        var ids = cat([prompt.Ids(inputIds.shape[0]).to(inputIds.device), inputIds], 1);
        return (ids, MaskBehindPrompt(attentionMask));
    }

    /// <summary>Embeddings [N, C] of token ids [N]; while training with the noise of NEFTune, uniform within ±α/√(length · C).</summary>
    /// <param name="ids">Token ids of a batch in one row.</param>
    /// <param name="length">Tokens of each of its texts, padding included.</param>
    private protected Tensor EmbedTokens(Tensor ids, long length)
    {
        var embedded = Embedding.Forward(ids);
        if (!Training || NeftuneNoiseAlpha <= 0)
            return embedded;
        var size = NeftuneNoiseAlpha / Math.Sqrt(length * embedded.shape[^1]);
        return embedded + zeros_like(embedded).uniform_(-size, size);
    }

    /// <summary>A layer in a scope of its own, computed again for its gradient where that is asked for.</summary>
    private protected Tensor RunLayer(Tensor h, Func<Tensor, Tensor> layer)
    {
        // What backward does not need is freed here, not at the end of the step.
        using var layerScope = NewDisposeScope();
        return (Recomputation is { } again ? again.Layer(h, layer) : layer(h)).MoveToOuterDisposeScope();
    }

    /// <summary>The same for a layer that looks at something beside its input, which gets a gradient, too.</summary>
    private protected Tensor RunLayer(Tensor h, Tensor beside, Func<Tensor, Tensor, Tensor> layer)
    {
        using var layerScope = NewDisposeScope();
        return (Recomputation is { } again ? again.Layer(h, beside, (x, y) => layer(x, y!)) : layer(h, beside)).MoveToOuterDisposeScope();
    }

    /// <summary>A mask that layers share; see <see cref="Shared(Tensor)"/>.</summary>
    private protected AttentionMask Shared(AttentionMask mask)
    {
        if (mask.Additive is { } additive)
            Shared(additive);
        return mask;
    }

    /// <summary>A tensor that layers share: where they are computed again, it has to live as long.</summary>
    internal Tensor Shared(Tensor tensor) => Recomputation is { } again ? again.Keep(tensor) : tensor;

    /// <summary>A mask [B, T] with the virtual tokens of a soft prompt in front.</summary>
    internal Tensor? MaskBehindPrompt(Tensor? attentionMask) => SoftPrompt is not { } prompt || attentionMask is null
        ? attentionMask
        : cat([full([attentionMask.shape[0], prompt.Length], Blocks.RowTexts.Of(attentionMask) is null ? 1 : Blocks.RowTexts.Everybody, attentionMask.dtype, attentionMask.device), attentionMask], 1);

    /// <summary>Makes a model that no checkpoint holds yet.</summary>
    /// <param name="config">What it is made of.</param>
    /// <param name="draw">Makes the values of a parameter from its name and shape; called in module order.</param>
    /// <param name="dtype">Element type to compute in.</param>
    /// <param name="device">Where it computes.</param>
    internal static BaseModel Fresh(ModelConfig config, Func<string, long[], Tensor> draw, ScalarType dtype, Device device)
    {
        using var gradOff = no_grad();
        return ModelRegistry.Find(config.ModelType).Create(config, WeightSource.Fresh(draw, dtype, device));
    }

    /// <summary>The folder's name without its path, as a display name.</summary>
    public override string ToString() => $"{Config.ModelType} {Path.GetFileName(Folder.TrimEnd('/'))} {DTypes.Name(DType)}";

    /// <inheritdoc />
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the weights.</summary>
    protected virtual void Dispose(bool disposing)
    {
        foreach (var parameter in Parameters)
            parameter.Dispose();
        Quantization?.Dispose();
    }

    private static ScalarType ChooseDtype(string wanted, ModelConfig config, Checkpoint checkpoint)
    {
        if (wanted != "auto")
        {
            return DTypes.FloatFromName(wanted) is { } named and not ScalarType.Float16
                ? named
                : throw new PeftException($"Unknown dtype '{wanted}': use auto, float32 or bfloat16.");
        }

        var stored = new CheckpointNames(checkpoint, config).StoredType(config.EmbeddingPath + ".weight") ?? ScalarType.Float32;
        return stored == ScalarType.BFloat16 && TorchRuntime.CpuBFloat16IsFast ? ScalarType.BFloat16 : ScalarType.Float32;
    }
}
