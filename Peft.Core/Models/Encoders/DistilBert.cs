using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Encoders;

/// <summary>Config of DistilBERT; an absent field takes the default of Hugging Face's <c>DistilBertConfig</c>.</summary>
public sealed record DistilBertConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int HiddenDim { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "distilbert";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static DistilBertConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("dim", 768);
        var heads = reader.Size("n_heads", 12);
        reader.CheckHeads(width, heads);
        return new DistilBertConfig
        {
            ModelType = "distilbert",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("n_layers", 6),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 30522),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 512),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = 0,
            HiddenDim = reader.Size("hidden_dim", 4 * width),
            Activation = Activations.Check(reader.String("activation") ?? "gelu", reader, "activation"),
        };
    }

    /// <inheritdoc />
    public override bool MayBeMissing(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return base.MayBeMissing(name) || (Task == ModelTask.SeqCls && name.StartsWith("pre_classifier.", StringComparison.Ordinal));
    }
}

/// <summary>
/// DistilBERT: BERT with half of the layers, without kinds of text and pooler. Parameter names are those of Hugging Face's
/// <c>DistilBertModel</c> with its heads. https://arxiv.org/abs/1910.01108.
/// </summary>
public sealed class DistilBert : EncoderModel
{
    private const double Epsilon = 1e-12;

    private readonly DistilBertConfig config;
    private readonly EmbeddingSite positions;
    private readonly LayerNorm embeddingNorm;
    private readonly Block[] layers;
    private readonly LinearSite? dense;
    private readonly LayerNorm? norm;

    /// <summary>Builds the model from its config and weights.</summary>
    public DistilBert(DistilBertConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embeddings.word_embeddings", config.VocabSize, config.HiddenSize);
        positions = weights.Embedding(config.Root + "embeddings.position_embeddings", config.MaxPositionEmbeddings, config.HiddenSize);
        embeddingNorm = weights.LayerNorm(config.Root + "embeddings.LayerNorm", config.HiddenSize, Epsilon);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}transformer.layer.{i}."))];
        switch (config.Task)
        {
            case ModelTask.SeqCls:
                dense = weights.Linear("pre_classifier", config.HiddenSize, config.HiddenSize, bias: true);
                Head = weights.HeadLinear("classifier", config.HiddenSize, config.NumLabels, bias: true);
                break;
            case ModelTask.TokenCls:
                Head = weights.HeadLinear("classifier", config.HiddenSize, config.NumLabels, bias: true);
                break;
            case ModelTask.QuestionAns:
                Head = weights.HeadLinear("qa_outputs", config.HiddenSize, 2, bias: true);
                break;
            case ModelTask.MaskedLm:
                dense = weights.Linear("vocab_transform", config.HiddenSize, config.HiddenSize, bias: true);
                norm = weights.LayerNorm("vocab_layer_norm", config.HiddenSize, Epsilon);
                Head = config.TieWordEmbeddings
                    ? new LinearSite("vocab_projector", Embedding.WeightParameter, weights.Take("vocab_projector.bias", config.VocabSize))
                    : weights.HeadLinear("vocab_projector", config.HiddenSize, config.VocabSize, bias: true);
                break;
        }

        Attentions = [];
    }

    /// <summary>None: the original takes no learned keys and values.</summary>
    public override IReadOnlyList<AttentionSite> Attentions { get; }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    public override Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, Tensor? tokenTypeIds = null)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        using var scope = NewDisposeScope();
        (inputIds, attentionMask, tokenTypeIds) = BehindPrompt(inputIds, attentionMask, tokenTypeIds);
        var call = new EncoderCall(this, inputIds, attentionMask);
        var words = EmbedTokens(inputIds.reshape(-1), call.Length).view(call.Batch, call.Length, -1);
        var places = positions.Forward(arange(0, call.Length, ScalarType.Int64, Device));
        var h = embeddingNorm.Forward(words + places).view(call.Batch * call.Length, -1);
        for (var i = 0; i < layers.Length; i++)
        {
            var (layer, number) = (layers[i], i);
            h = RunLayer(h, x =>
            {
                var attended = call.Attend(number, layer.Query.Forward(x), layer.Key.Forward(x), layer.Value.Forward(x));
                var y = layer.AttentionNorm.Forward(layer.Output.Forward(attended) + x);
                return layer.OutputNorm.Forward(layer.Down.Forward(Activations.Of(config.Activation)(layer.Up.Forward(y))) + y);
            });
        }

        return h.view(call.Batch, call.Length, -1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public override Tensor? Pooled(Tensor hidden) => null;

    /// <inheritdoc />
    protected override Tensor SequenceScores(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        return Head!.Forward(dense!.Forward(hidden.select(1, 0)).relu());
    }

    /// <inheritdoc />
    protected override Tensor TokenScores(Tensor hidden) => Rows(Head!, norm!.Forward(Activations.Of(config.Activation)(Rows(dense!, hidden))));

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(DistilBertConfig config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "attention.q_lin", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Key { get; } = weights.Linear(root + "attention.k_lin", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Value { get; } = weights.Linear(root + "attention.v_lin", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "attention.out_lin", config.HiddenSize, config.HiddenSize, bias: true);

        public LayerNorm AttentionNorm { get; } = weights.LayerNorm(root + "sa_layer_norm", config.HiddenSize, Epsilon);

        public LinearSite Up { get; } = weights.Linear(root + "ffn.lin1", config.HiddenSize, config.HiddenDim, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "ffn.lin2", config.HiddenDim, config.HiddenSize, bias: true);

        public LayerNorm OutputNorm { get; } = weights.LayerNorm(root + "output_layer_norm", config.HiddenSize, Epsilon);
    }
}
