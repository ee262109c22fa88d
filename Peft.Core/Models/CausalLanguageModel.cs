using Peft.Core.Models.Blocks;
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
}

/// <summary>
/// A decoder that predicts the next token. It offers sites (linears, embedding, head, attentions) that methods attach to, and knows no
/// method. Weights are frozen; the model is used by one thread at a time.
/// </summary>
public abstract class CausalLanguageModel : IDisposable
{
    /// <summary>Takes what every architecture needs.</summary>
    protected CausalLanguageModel(ModelConfig config, WeightSource weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        Config = config;
        DType = weights.DType;
        Device = weights.Device;
    }

    /// <summary>The config.</summary>
    public ModelConfig Config { get; }

    /// <summary>Element type of weights and activations.</summary>
    public ScalarType DType { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>Folder it was loaded from.</summary>
    public string Folder { get; private set; } = "";

    /// <summary>Where operations of a bfloat16 model are rounded.</summary>
    public Arithmetic Arithmetic { get; private set; }

    /// <summary>True while training: adapters apply their dropout.</summary>
    public bool Training { get; set; }

    /// <summary>Every base parameter in module order, a tied head once.</summary>
    public abstract IReadOnlyList<ModelParameter> Parameters { get; }

    /// <summary>Every linear layer in module order, without the head.</summary>
    public abstract IReadOnlyList<LinearSite> Linears { get; }

    /// <summary>Every attention.</summary>
    public abstract IReadOnlyList<AttentionSite> Attentions { get; }

    /// <summary>The input embedding.</summary>
    public abstract EmbeddingSite Embedding { get; }

    /// <summary>The language-model head.</summary>
    public abstract LinearSite Head { get; }

    /// <summary>Learned keys and values in front of every attention, if a method attached some.</summary>
    public IPrefixSource? Prefix { get; set; }

    /// <summary>Loads a Hugging Face folder; weights that need no conversion stay mapped.</summary>
    /// <exception cref="PeftException">Missing or damaged files, unknown architecture, absent device or unknown dtype.</exception>
    public static CausalLanguageModel Load(string folder, ModelLoadOptions? options = null)
    {
        options ??= new ModelLoadOptions();
        var device = TorchRuntime.ResolveDevice(options.Device);
        var config = ModelConfig.Load(folder);
        using var checkpoint = Checkpoint.Open(folder);
        using var gradOff = no_grad();
        var weights = new WeightSource(checkpoint, config, ChooseDtype(options.Dtype, config, checkpoint), device);
        var model = ModelRegistry.Find(config.ModelType).Create(config, weights);
        model.Folder = folder;
        model.Arithmetic = options.Arithmetic;
        return model;
    }

    /// <summary>
    /// Hidden states [B, T, C] after the final norm.
    /// </summary>
    /// <param name="inputIds">Token ids [B, T], int64. With a cache: the new tokens only.</param>
    /// <param name="attentionMask">1 for real tokens, 0 for padding, [B, T] or with a cache [B, past + T]; null means no padding.</param>
    /// <param name="cache">Keys and values of the tokens already seen; extended by this call.</param>
    /// <param name="positions">Position of each token [B, T], not counting virtual tokens; null counts from the start of the row.</param>
    public abstract Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, KeyValueCache? cache = null, Tensor? positions = null);

    /// <summary>Scores of the next token in fp32, [..., V] for hidden states [..., C].</summary>
    public Tensor Logits(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        var shape = hidden.shape;
        var flat = Head.Forward(hidden.reshape(-1, shape[^1])).to(ScalarType.Float32);
        shape[^1] = Config.VocabSize;
        return flat.view(shape);
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
    }

    private static ScalarType ChooseDtype(string wanted, ModelConfig config, Checkpoint checkpoint)
    {
        if (wanted != "auto")
        {
            return DTypes.FloatFromName(wanted) is { } named and not ScalarType.Float16
                ? named
                : throw new PeftException($"Unknown dtype '{wanted}': use auto, float32 or bfloat16.");
        }

        var embedding = config.EmbeddingPath + ".weight";
        var stored = checkpoint.Contains(embedding) ? checkpoint.Entry(embedding).DType : ScalarType.Float32;
        return stored == ScalarType.BFloat16 && TorchRuntime.CpuBFloat16IsFast ? ScalarType.BFloat16 : ScalarType.Float32;
    }
}
