using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>A linear layer that methods can attach to, known from the config alone.</summary>
/// <param name="Path">Module path, e.g. <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="InFeatures">Input width.</param>
/// <param name="OutFeatures">Output width.</param>
/// <param name="HasBias">Whether it has a bias vector.</param>
/// <param name="Transposed">Whether its weight lies as [in, out].</param>
public sealed record LinearShape(string Path, int InFeatures, int OutFeatures, bool HasBias, bool Transposed = false);

/// <summary>
/// What <c>config.json</c> says about a base model. It lists every parameter and every linear layer without tensors, so that the server can
/// show trainable counts and validate settings.
/// </summary>
public abstract record ModelConfig
{
    /// <summary>Architecture id, e.g. <c>llama</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Number of decoder layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Query heads per layer.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Layers that write: those of the decoder where there is an encoder besides.</summary>
    public virtual int NumDecoderLayers => NumHiddenLayers;

    /// <summary>Key/value heads per layer; fewer than query heads means grouped-query attention.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>Width of one head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Width of the values of one head; that of its keys and queries but for a few architectures.</summary>
    public virtual int ValueHeadDim => HeadDim;

    /// <summary>
    /// Whether tokens of a text see those behind them too. What they look like then changes with every new token: nothing can be kept from
    /// one step of decoding to the next, and labels are compared with the scores at their own position, not with those before it.
    /// </summary>
    public virtual bool LooksAhead => false;

    /// <summary>Whether several texts can share a row and see themselves alone: tokens see those before them, and positions can be given.</summary>
    public virtual bool CanPack => !LooksAhead;

    /// <summary>Width of all queries.</summary>
    public int QueryWidth => NumAttentionHeads * HeadDim;

    /// <summary>Width of all keys, and of all values.</summary>
    public int KeyWidth => NumKeyValueHeads * HeadDim;

    /// <summary>Number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Longest sequence the model was made for.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>Whether the head shares the embedding's weights.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Element type of the checkpoint as the config names it (<c>dtype</c> or the older <c>torch_dtype</c>); may be absent.</summary>
    public string? Dtype { get; init; }

    /// <summary>Id that fills short rows; null when the config names none.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Id that starts a text; null when the config names none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Ids that end an answer; may be empty.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>What the model is for.</summary>
    public ModelTask Task { get; init; }

    /// <summary>Labels of a classification (2 when the config names none).</summary>
    public int NumLabels { get; init; } = 2;

    /// <summary>Names of the labels that a run gave the head (Hugging Face's <c>id2label</c>); null when they are the config's own.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>Longest input in tokens: <see cref="MaxPositionEmbeddings"/>, less where some positions are taken.</summary>
    public virtual int MaxTokens => MaxPositionEmbeddings;

    /// <summary><c>single_label_classification</c>, <c>multi_label_classification</c> or <c>regression</c>; null leaves it to the labels.</summary>
    public string? ProblemType { get; init; }

    /// <summary>Spread of freshly drawn heads.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Path of the base inside a model with a head, e.g. <c>model</c> or <c>transformer</c>.</summary>
    public abstract string BasePrefix { get; }

    /// <summary>What stands in front of the base's module paths: the prefix with its dot, nothing when the task has no head.</summary>
    public string Root => Task == ModelTask.FeatureExtraction ? "" : BasePrefix + ".";

    /// <summary>Module path of the input embedding.</summary>
    public string EmbeddingPath => Outline.Embeddings[0].Path;

    /// <summary>Module path of the head; null when the task has none.</summary>
    public string? HeadPath => Outline.Head?.Path;

    /// <summary>Whether the head's weight is an embedding's.</summary>
    public bool HeadIsTied => Outline.HeadIsTied;

    /// <summary>Names and shapes of everything.</summary>
    public ModelOutline Outline => ModelOutline.Of(this);

    /// <summary>Reads <c>config.json</c> of a Hugging Face folder with the reader of its architecture.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="task">What the model is for; null takes the architecture's first task.</param>
    /// <param name="numLabels">Labels of a classification; null takes the config's number.</param>
    /// <exception cref="PeftException">Missing or damaged file, unknown architecture, unusable value, or a task that the architecture cannot do.</exception>
    public static ModelConfig Load(string folder, ModelTask? task = null, int? numLabels = null) => Read(ConfigReader.Open(folder), task, numLabels);

    /// <summary>Reads the fields of a config that was opened or parsed before; see <see cref="Load"/>.</summary>
    public static ModelConfig Read(ConfigReader reader, ModelTask? task = null, int? numLabels = null)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var descriptor = ModelRegistry.Find(reader);
        var wanted = task ?? descriptor.Tasks[0];
        if (!descriptor.Tasks.Contains(wanted))
        {
            throw new PeftException(
                $"{reader.Path}: architecture '{descriptor.ModelType}' cannot do {wanted.Name()}; it can do {string.Join(", ", descriptor.Tasks.Select(t => t.Name()))}.");
        }

        var config = descriptor.ReadConfig(reader);
        return config with
        {
            Task = wanted,
            NumLabels = numLabels ?? reader.Labels(),
            ProblemType = reader.String("problem_type"),
            InitializerRange = reader.Number("initializer_range", config.InitializerRange),
            Dtype = reader.String("dtype") ?? reader.String("torch_dtype"),
            PadTokenId = reader.Ids("pad_token_id") is [var pad, ..] ? pad : config.PadTokenId,
            BosTokenId = reader.Ids("bos_token_id") is [var bos, ..] ? bos : config.BosTokenId,
            EosTokenIds = reader.Ids("eos_token_id") is { Count: > 0 } eos ? eos : config.EosTokenIds,
        };
    }

    /// <summary>Checks the weights of a folder against this config by their headers alone, without loading a tensor.</summary>
    /// <exception cref="PeftException">No weights, a damaged file, or tensors that are missing or of another shape or kind.</exception>
    public void CheckWeights(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        new CheckpointNames(checkpoint, this).CheckAgainst(Parameters());
    }

    /// <summary>Checks weights against this config as <see cref="CheckWeights"/> does, and says what is drawn anew and what is not used.</summary>
    /// <exception cref="PeftException">Tensors that are missing or of another shape or kind.</exception>
    public CheckpointFit Fit(Checkpoint checkpoint)
    {
        var names = new CheckpointNames(checkpoint, this);
        names.CheckAgainst(Parameters());
        return names.Fit(Parameters());
    }

    /// <summary>Every parameter in module order; a tied head is not listed, since it is the embedding.</summary>
    public IReadOnlyList<ParameterShape> Parameters() => Outline.Parameters;

    /// <summary>Every linear layer in module order, without the head.</summary>
    public IReadOnlyList<LinearShape> Linears() => Outline.Linears;

    /// <summary>Number of parameters, tied ones once.</summary>
    public long ParameterCount() => Parameters().Sum(p => p.Count);

    /// <summary>Whether vectors can stand in front of the text: not where positions depend on marks inside it.</summary>
    public virtual bool TakesVirtualTokens => !LooksAhead;

    /// <summary>The name that wins over a parameter's own when files hold both.</summary>
    public virtual string? PreferredName(string name) => null;

    /// <summary>Further names that a parameter has in files of this architecture.</summary>
    public virtual IEnumerable<string> OtherNames(string name) => [];

    /// <summary>Whether a linear layer keeps its precision when the others are quantised.</summary>
    public virtual bool StaysPrecise(string path) => false;

    /// <summary>Whether a parameter is computed from differently stored ones.</summary>
    internal virtual bool CanDerive(string name, Checkpoint checkpoint) => false;

    /// <summary>A parameter computed from differently stored ones; null when the files hold nothing for it. The caller disposes it.</summary>
    internal virtual Tensor? Derived(string name, Checkpoint checkpoint) => null;

    /// <summary>Whether a parameter may be drawn anew when the files lack it: the head of a task other than the language model's.</summary>
    public virtual bool MayBeMissing(string name) =>
        Task is not (ModelTask.CausalLm or ModelTask.Seq2SeqLm or ModelTask.MaskedLm or ModelTask.FeatureExtraction)
        && HeadPath is { } head && name.StartsWith(head + ".", StringComparison.Ordinal);

    /// <summary>Parameters of a task's head that the weights of a folder lack and that would be drawn anew; see <see cref="CheckWeights"/>.</summary>
    /// <exception cref="PeftException">As there.</exception>
    public IReadOnlyList<string> MissingInWeights(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        return Fit(checkpoint).Drawn;
    }
}
