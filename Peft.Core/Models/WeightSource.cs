using Peft.Core.Models.Blocks;
using Peft.Core.Quantization;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// Hands a model its parameters while it is being built, in module order, and notes what it has handed out. From a checkpoint each weight
/// is checked against the wanted shape and brought to the wanted element type and device (those that already have both stay views of the
/// mapped file); without one the model is built as an outline: names and shapes only.
/// </summary>
public sealed class WeightSource
{
    private readonly CheckpointNames? checkpoint;
    private readonly BaseQuantization? quantization;
    private readonly ScalarType loaded;
    private readonly Func<string, long[], Tensor>? fresh;
    private readonly List<ModelParameter> taken = [];
    private readonly List<LinearSite> linears = [];
    private readonly List<EmbeddingSite> embeddings = [];
    private readonly List<NormSite> norms = [];
    private readonly List<SublayerSite> sublayers = [];
    private readonly List<string> initialised = [];

    private WeightSource(
        CheckpointNames? checkpoint, ScalarType dtype, Device? device, BaseQuantization? quantization = null, Func<string, long[], Tensor>? fresh = null)
    {
        this.checkpoint = checkpoint;
        this.quantization = quantization;
        this.fresh = fresh;
        loaded = dtype;
        DType = quantization?.Config.PrepareModelForKbitTraining == true ? ScalarType.Float32 : dtype;
        Device = device!;
    }

    /// <summary>Element type the model computes in.</summary>
    public ScalarType DType { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>Parameters handed out so far, in that order.</summary>
    public IReadOnlyList<ModelParameter> Taken => taken;

    /// <summary>Linear layers handed out so far, the head not among them.</summary>
    public IReadOnlyList<LinearSite> Linears => linears;

    /// <summary>Embeddings handed out so far; the first is the input embedding.</summary>
    public IReadOnlyList<EmbeddingSite> Embeddings => embeddings;

    /// <summary>Norms handed out so far.</summary>
    public IReadOnlyList<NormSite> Norms => norms;

    /// <summary>Places where a sub-layer is added to the residual stream, handed out so far.</summary>
    public IReadOnlyList<SublayerSite> Sublayers => sublayers;

    /// <summary>Parameters that the checkpoint lacks and that were drawn anew (a head for another task).</summary>
    public IReadOnlyList<string> Initialised => initialised;

    /// <summary>How linear layers are kept in 4 bits; null when they are not.</summary>
    public BaseQuantization? Quantization => quantization;

    /// <summary>A source without values.</summary>
    internal static WeightSource Outline() => new(null, ScalarType.Float32, null);

    /// <summary>A source of new values for a model that no checkpoint holds yet.</summary>
    /// <param name="draw">Makes the values of a parameter from its name and shape; called in module order.</param>
    /// <param name="dtype">Element type the model computes in.</param>
    /// <param name="device">Where it computes.</param>
    internal static WeightSource Fresh(Func<string, long[], Tensor> draw, ScalarType dtype, Device device) => new(null, dtype, device, fresh: draw);

    /// <summary>A source over a checkpoint.</summary>
    /// <exception cref="PeftException">Tensors that the config asks for are missing or of another shape or kind; all missing ones are counted.</exception>
    internal static WeightSource From(Checkpoint checkpoint, ModelConfig config, ScalarType dtype, Device device, BaseQuantization? quantization = null)
    {
        var names = new CheckpointNames(checkpoint, config);
        names.CheckAgainst(config.Parameters());
        return new WeightSource(names, dtype, device, quantization);
    }

    /// <summary>The parameter of that name. The model owns it.</summary>
    public ModelParameter Take(string name, params long[] shape)
    {
        var parameter = Load(name, shape) is { } tensor ? new ModelParameter(name, tensor) : ModelParameter.Outlined(name, shape);
        taken.Add(parameter);
        return parameter;
    }

    /// <summary>A stored tensor that never trains and is no parameter; null when the files lack it (and in an outline).</summary>
    public ModelParameter? Buffer(string name, params long[] shape)
    {
        if (checkpoint?.Find(name, shape) is not { } stored)
            return null;
        using (stored)
            return new ModelParameter(name, stored.to(DType, Device).DetachFromDisposeScope());
    }

    /// <summary>A linear layer: <c>weight</c> [out, in] and, if it has one, <c>bias</c> [out].</summary>
    /// <param name="path">Module path.</param>
    /// <param name="inFeatures">Input width.</param>
    /// <param name="outFeatures">Output width.</param>
    /// <param name="bias">Whether it has a bias.</param>
    /// <param name="transposed">Whether the weight lies as [in, out] (GPT-2's Conv1D).</param>
    public LinearSite Linear(string path, int inFeatures, int outFeatures, bool bias, bool transposed = false)
    {
        var site = quantization is not null && quantization.Quantizes(path)
            ? Quantized(path, quantization, transposed, bias ? outFeatures : 0)
            : HeadLinear(path, inFeatures, outFeatures, bias, transposed);
        linears.Add(site);
        return site;
    }

    /// <summary>A linear layer that is the model's output head (or part of it): methods that adapt all linear layers leave it alone.</summary>
    public LinearSite HeadLinear(string path, int inFeatures, int outFeatures, bool bias, bool transposed = false)
    {
        if (quantization is not null && checkpoint!.IsQuantized(path + ".weight"))
            return Quantized(path, quantization, transposed, bias ? outFeatures : 0);
        var weight = transposed ? Take(path + ".weight", inFeatures, outFeatures) : TakeTable(path + ".weight", outFeatures, inFeatures);
        return new LinearSite(path, weight, bias ? Take(path + ".bias", outFeatures) : null, transposed);
    }

    /// <summary>An embedding table [rows, width].</summary>
    public EmbeddingSite Embedding(string path, int rows, int width)
    {
        var site = new EmbeddingSite(path, TakeTable(path + ".weight", rows, width));
        embeddings.Add(site);
        return site;
    }

    /// <summary>A layer norm over the last dimension.</summary>
    public LayerNorm LayerNorm(string path, int width, double epsilon, bool bias = true, bool weight = true)
    {
        var norm = new LayerNorm(width, weight ? Take(path + ".weight", width) : null, bias ? Take(path + ".bias", width) : null, epsilon);
        norms.Add(new NormSite(path));
        return norm;
    }

    /// <summary>A root-mean-square norm over the last dimension.</summary>
    public RmsNorm RmsNorm(string path, int width, double epsilon, bool unitOffset = false)
    {
        var norm = new RmsNorm(Take(path + ".weight", width), epsilon, unitOffset);
        norms.Add(new NormSite(path));
        return norm;
    }

    /// <summary>A place where a sub-layer is added to the residual stream.</summary>
    public SublayerSite Sublayer(string path, SublayerKind kind)
    {
        var site = new SublayerSite(path, kind);
        sublayers.Add(site);
        return site;
    }

    /// <summary>A layer in 4 bits: as the files hold it, or quantised now, as [out, in] always.</summary>
    private LinearSite Quantized(string path, BaseQuantization how, bool transposed, int biasWidth)
    {
        var name = path + ".weight";
        var stored = checkpoint!.FindQuantized(name);
        if (stored is null)
        {
            using var weight = checkpoint.Find(name) ?? throw new PeftException($"Tensor '{name}' is missing from the weights, and what is drawn anew is not kept in 4 bits.");
            using var upright = transposed ? weight.t() : weight.alias();
            using var typed = upright.to(loaded);
            stored = QuantizedTensor.Quantize(typed, how.Config.Bnb4BitQuantType, how.Config.Bnb4BitUseDoubleQuant);
            checkpoint.Forget(name);
        }

        var parameter = new ModelParameter(name, new QuantizedWeight(stored.To(Device), how.Config.ComputeType, how.Buffer), DType);
        taken.Add(parameter);
        return new LinearSite(path, parameter, biasWidth > 0 ? Take(path + ".bias", biasWidth) : null);
    }

    /// <summary>
    /// An embedding or a head. Beside matrices in 4 bits they are the largest of what is left: where they compute in float32 they stay in the
    /// narrower type they were stored in or loaded as, and the rows that are needed are widened when they are.
    /// </summary>
    private ModelParameter TakeTable(string name, params long[] shape)
    {
        if (quantization is null || DType != ScalarType.Float32 || checkpoint!.Find(name) is not { } stored)
            return Take(name, shape);
        using (stored)
        {
            var kept = loaded == ScalarType.Float32 ? stored.dtype : loaded;
            if (kept is not (ScalarType.BFloat16 or ScalarType.Float16))
                return Take(name, shape);
            var parameter = new ModelParameter(name, new NarrowMatrix(stored.to(kept, Device).DetachFromDisposeScope(), DType), DType);
            taken.Add(parameter);
            return parameter;
        }
    }

    private Tensor? Load(string name, long[] shape)
    {
        if (fresh is not null)
        {
            using var drawn = fresh(name, shape);
            return drawn.to(DType, Device).DetachFromDisposeScope();
        }

        if (checkpoint is null)
            return null;
        using var stored = checkpoint.Find(name);
        var tensor = stored is null ? Draw(name, shape) : Typed(stored);
        tensor.requires_grad = false;
        return tensor;
    }

    /// <summary>Over a 4-bit base what is not 4-bit may be rounded to the loaded type first and compute in float32 then.</summary>
    private Tensor Typed(Tensor stored)
    {
        if (loaded == DType)
            return stored.to(DType, Device).DetachFromDisposeScope();
        using var rounded = stored.to(loaded);
        return rounded.to(DType, Device).DetachFromDisposeScope();
    }

    /// <summary>
    /// A head that the checkpoint was not trained with starts as Hugging Face starts it: normal weights, zero biases. Each tensor has its own
    /// generator: parts that stay frozen (BERT's pooler) are not saved with an adapter and must come out the same every time.
    /// </summary>
    private Tensor Draw(string name, long[] shape)
    {
        initialised.Add(name);
        using var generator = new Generator(name.Aggregate(14695981039346656037UL, (hash, c) => (hash ^ c) * 1099511628211UL) >> 1, CPU);
        using var fresh = name.EndsWith(".bias", StringComparison.Ordinal)
            ? zeros(shape)
            : empty(shape).normal_(0, checkpoint!.InitializerRange, generator);
        return fresh.to(DType, Device, copy: true).DetachFromDisposeScope();
    }
}
