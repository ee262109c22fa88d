using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Encoders;

/// <summary>Config of ALBERT; an absent field takes the default of Hugging Face's <c>AlbertConfig</c>.</summary>
public sealed record AlbertConfig : ModelConfig
{
    /// <summary>Width of the embeddings.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Groups of layers with weights of their own.</summary>
    public required int NumHiddenGroups { get; init; }

    /// <summary>Layers of a group.</summary>
    public required int InnerGroupNum { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>Kinds of text that embeddings tell apart.</summary>
    public required int TypeVocabSize { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "albert";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static AlbertConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 4096);
        var heads = reader.Size("num_attention_heads", 64);
        reader.CheckHeads(width, heads);
        return new AlbertConfig
        {
            ModelType = "albert",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 12),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 30000),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 512),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = 0,
            BosTokenId = 2,
            EosTokenIds = [3],
            EmbeddingSize = reader.Size("embedding_size", 128),
            IntermediateSize = reader.Size("intermediate_size", 16384),
            NumHiddenGroups = reader.Size("num_hidden_groups", 1),
            InnerGroupNum = reader.Size("inner_group_num", 1),
            HiddenAct = Activations.Check(reader.String("hidden_act") ?? "gelu_new", reader, "hidden_act"),
            LayerNormEps = reader.Number("layer_norm_eps", 1e-12),
            TypeVocabSize = reader.Size("type_vocab_size", 2),
        };
    }
}

/// <summary>
/// ALBERT: narrow embeddings projected to the layers' width, and layers that share their weights. Parameter names are those of Hugging
/// Face's <c>AlbertModel</c> with its heads. https://arxiv.org/abs/1909.11942.
/// </summary>
public sealed class Albert : EncoderModel
{
    private readonly AlbertConfig config;
    private readonly EmbeddingSite positions;
    private readonly EmbeddingSite types;
    private readonly LayerNorm embeddingNorm;
    private readonly LinearSite project;
    private readonly Block[][] groups;
    private readonly LinearSite? pooler;
    private readonly LinearSite? dense;
    private readonly LayerNorm? norm;

    /// <summary>Builds the model from its config and weights.</summary>
    public Albert(AlbertConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        var root = config.Root;
        weights.Embedding(root + "embeddings.word_embeddings", config.VocabSize, config.EmbeddingSize);
        positions = weights.Embedding(root + "embeddings.position_embeddings", config.MaxPositionEmbeddings, config.EmbeddingSize);
        types = weights.Embedding(root + "embeddings.token_type_embeddings", config.TypeVocabSize, config.EmbeddingSize);
        embeddingNorm = weights.LayerNorm(root + "embeddings.LayerNorm", config.EmbeddingSize, config.LayerNormEps);
        project = weights.Linear(root + "encoder.embedding_hidden_mapping_in", config.EmbeddingSize, config.HiddenSize, bias: true);
        groups = [.. Enumerable.Range(0, config.NumHiddenGroups).Select(g => Enumerable.Range(0, config.InnerGroupNum)
            .Select(i => new Block(config, weights, $"{root}encoder.albert_layer_groups.{g}.albert_layers.{i}.")).ToArray())];
        pooler = config.Task is ModelTask.FeatureExtraction or ModelTask.SeqCls
            ? weights.Linear(root + "pooler", config.HiddenSize, config.HiddenSize, bias: true)
            : null;
        switch (config.Task)
        {
            case ModelTask.SeqCls or ModelTask.TokenCls:
                Head = weights.HeadLinear("classifier", config.HiddenSize, config.NumLabels, bias: true);
                break;
            case ModelTask.QuestionAns:
                Head = weights.HeadLinear("qa_outputs", config.HiddenSize, 2, bias: true);
                break;
            case ModelTask.MaskedLm:
                var bias = weights.Take("predictions.bias", config.VocabSize);
                norm = weights.LayerNorm("predictions.LayerNorm", config.EmbeddingSize, config.LayerNormEps);
                dense = weights.Linear("predictions.dense", config.HiddenSize, config.EmbeddingSize, bias: true);
                Head = new LinearSite("predictions.decoder", Embedding.WeightParameter, bias);
                break;
        }
    }

    /// <summary>None: the original takes no learned keys and values.</summary>
    public override IReadOnlyList<AttentionSite> Attentions => [];

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    public override Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, Tensor? tokenTypeIds = null)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        using var scope = NewDisposeScope();
        (inputIds, attentionMask, tokenTypeIds) = BehindPrompt(inputIds, attentionMask, tokenTypeIds);
        var call = new EncoderCall(this, inputIds, attentionMask);
        var ids = inputIds.reshape(-1);
        var kinds = types.Forward(tokenTypeIds is null ? zeros_like(ids) : tokenTypeIds.reshape(-1));
        var places = positions.Forward(arange(0, call.Length, ScalarType.Int64, Device).repeat(call.Batch));
        var h = project.Forward(embeddingNorm.Forward(EmbedTokens(ids, call.Length) + kinds + places));
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            var number = i;
            h = RunLayer(h, x =>
            {
                foreach (var layer in groups[number * config.NumHiddenGroups / config.NumHiddenLayers])
                    x = Forward(layer, x, number, call);
                return x;
            });
        }

        return h.view(call.Batch, call.Length, -1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public override Tensor? Pooled(Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        return pooler?.Forward(hidden.select(1, 0)).tanh();
    }

    /// <inheritdoc />
    protected override Tensor SequenceScores(Tensor hidden) => Head!.Forward(Pooled(hidden)!);

    /// <inheritdoc />
    protected override Tensor TokenScores(Tensor hidden) => Rows(Head!, norm!.Forward(Activations.Of(config.HiddenAct)(Rows(dense!, hidden))));

    private Tensor Forward(Block layer, Tensor h, int index, EncoderCall call)
    {
        var attended = call.Attend(index, layer.Query.Forward(h), layer.Key.Forward(h), layer.Value.Forward(h));
        h = layer.AttentionNorm.Forward(h + layer.Output.Forward(attended));
        return layer.FullNorm.Forward(layer.Down.Forward(Activations.Of(config.HiddenAct)(layer.Up.Forward(h))) + h);
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(AlbertConfig config, WeightSource weights, string root)
    {
        public LayerNorm FullNorm { get; } = weights.LayerNorm(root + "full_layer_layer_norm", config.HiddenSize, config.LayerNormEps);

        public LinearSite Query { get; } = weights.Linear(root + "attention.query", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Key { get; } = weights.Linear(root + "attention.key", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Value { get; } = weights.Linear(root + "attention.value", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "attention.dense", config.HiddenSize, config.HiddenSize, bias: true);

        public LayerNorm AttentionNorm { get; } = weights.LayerNorm(root + "attention.LayerNorm", config.HiddenSize, config.LayerNormEps);

        public LinearSite Up { get; } = weights.Linear(root + "ffn", config.HiddenSize, config.IntermediateSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "ffn_output", config.IntermediateSize, config.HiddenSize, bias: true);
    }
}
