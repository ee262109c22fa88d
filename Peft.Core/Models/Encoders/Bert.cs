using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Encoders;

/// <summary>Config of BERT, RoBERTa, XLM-RoBERTa and ELECTRA; an absent field takes the default of each one's Hugging Face config class.</summary>
public sealed record BertConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>Kinds of text that embeddings tell apart.</summary>
    public required int TypeVocabSize { get; init; }

    /// <summary>Width of the embeddings; projected where it is not the layers' width (ELECTRA).</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>Whether positions count from behind the pad id and skip padding (RoBERTa).</summary>
    public bool CountsFromPad { get; init; }

    /// <inheritdoc />
    public override int MaxTokens => CountsFromPad ? MaxPositionEmbeddings - (PadTokenId ?? 0) - 1 : MaxPositionEmbeddings;

    /// <inheritdoc />
    public override string BasePrefix => ModelType switch
    {
        "bert" => "bert",
        "electra" => "electra",
        _ => "roberta",
    };

    /// <summary>Reads BERT (also Chinese RoBERTa-wwm and MacBERT). https://arxiv.org/abs/1810.04805</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static BertConfig Read(ConfigReader reader) => Common(reader, "bert", 30522, 768, 12, 12, 3072, pad: 0);

    /// <summary>Reads RoBERTa. https://arxiv.org/abs/1907.11692</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static BertConfig ReadRoberta(ConfigReader reader) =>
        Common(reader, "roberta", 50265, 768, 12, 12, 3072, pad: 1) with { CountsFromPad = true, BosTokenId = 0, EosTokenIds = [2] };

    /// <summary>Reads XLM-RoBERTa. https://arxiv.org/abs/1911.02116</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static BertConfig ReadXlmRoberta(ConfigReader reader) =>
        Common(reader, "xlm-roberta", 30522, 768, 12, 12, 3072, pad: 1) with { CountsFromPad = true, BosTokenId = 0, EosTokenIds = [2] };

    /// <summary>Reads ELECTRA. https://arxiv.org/abs/2003.10555</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static BertConfig ReadElectra(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return Common(reader, "electra", 30522, 256, 12, 4, 1024, pad: 0) with { EmbeddingSize = reader.Size("embedding_size", 128) };
    }

    /// <inheritdoc />
    public override bool MayBeMissing(string name)
    {
        ArgumentNullException.ThrowIfNull(name);

        // Masked-language checkpoints of Chinese RoBERTa lack nothing but what stands on the base.
        return base.MayBeMissing(name) || (Task is ModelTask.SeqCls && (name.StartsWith("classifier.", StringComparison.Ordinal) || name.StartsWith(BasePrefix + ".pooler.", StringComparison.Ordinal)));
    }

    private static BertConfig Common(ConfigReader reader, string modelType, int vocabulary, int width, int layers, int heads, int inner, int pad)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var hidden = reader.Size("hidden_size", width);
        var count = reader.Size("num_attention_heads", heads);
        reader.CheckHeads(hidden, count);
        if ((reader.String("position_embedding_type") ?? "absolute") != "absolute")
            throw new PeftException($"{reader.Path}: field 'position_embedding_type' must be absolute; relative positions are not computed.");
        return new BertConfig
        {
            ModelType = modelType,
            HiddenSize = hidden,
            NumHiddenLayers = reader.Size("num_hidden_layers", layers),
            NumAttentionHeads = count,
            NumKeyValueHeads = count,
            HeadDim = hidden / count,
            VocabSize = reader.Size("vocab_size", vocabulary),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 512),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = pad,
            IntermediateSize = reader.Size("intermediate_size", inner),
            HiddenAct = Activations.Check(reader.String("hidden_act") ?? "gelu", reader, "hidden_act"),
            LayerNormEps = reader.Number("layer_norm_eps", 1e-12),
            TypeVocabSize = reader.Size("type_vocab_size", 2),
            EmbeddingSize = hidden,
        };
    }
}

/// <summary>
/// BERT and its kin: learned positions, norms behind attention and feed-forward. Parameter names are those of Hugging Face's
/// <c>BertModel</c>, <c>RobertaModel</c> and <c>ElectraModel</c> with their heads.
/// </summary>
public sealed class Bert : EncoderModel
{
    private readonly BertConfig config;
    private readonly EmbeddingSite positions;
    private readonly EmbeddingSite types;
    private readonly LayerNorm embeddingNorm;
    private readonly LinearSite? project;
    private readonly Block[] layers;
    private readonly LinearSite? pooler;
    private readonly BertHead head;

    /// <summary>Builds the model from its config and weights.</summary>
    public Bert(BertConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        var root = config.Root + "embeddings.";
        weights.Embedding(root + "word_embeddings", config.VocabSize, config.EmbeddingSize);
        positions = weights.Embedding(root + "position_embeddings", config.MaxPositionEmbeddings, config.EmbeddingSize);
        types = weights.Embedding(root + "token_type_embeddings", config.TypeVocabSize, config.EmbeddingSize);
        embeddingNorm = weights.LayerNorm(root + "LayerNorm", config.EmbeddingSize, config.LayerNormEps);
        if (config.EmbeddingSize != config.HiddenSize)
            project = weights.Linear(config.Root + "embeddings_project", config.EmbeddingSize, config.HiddenSize, bias: true);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}encoder.layer.{i}."))];
        var pools = config.ModelType != "electra" && (config.Task == ModelTask.FeatureExtraction || (config.Task == ModelTask.SeqCls && config.ModelType == "bert"));
        pooler = pools ? weights.Linear(config.Root + "pooler.dense", config.HiddenSize, config.HiddenSize, bias: true) : null;
        head = new BertHead(config, weights, Embedding);
        Attentions = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new AttentionSite($"{config.Root}encoder.layer.{i}.attention.self", i))];
    }

    /// <inheritdoc />
    public override IReadOnlyList<AttentionSite> Attentions { get; }

    /// <inheritdoc />
    public override LinearSite? Head => head.Output;

    /// <inheritdoc />
    public override Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, Tensor? tokenTypeIds = null)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        using var scope = NewDisposeScope();
        (inputIds, attentionMask, tokenTypeIds) = BehindPrompt(inputIds, attentionMask, tokenTypeIds);
        var call = new EncoderCall(this, inputIds, attentionMask);
        var h = Embed(inputIds, tokenTypeIds, call);
        for (var i = 0; i < layers.Length; i++)
        {
            var (layer, number) = (layers[i], i);
            h = RunLayer(h, x =>
            {
                var attended = call.Attend(number, layer.Query.Forward(x), layer.Key.Forward(x), layer.Value.Forward(x));
                var y = layer.AttentionNorm.Forward(layer.AfterAttention.Join(x, layer.Output.Forward(attended), layer.AttentionNorm.Forward));
                var written = layer.Down.Forward(Activations.Of(config.HiddenAct)(layer.Up.Forward(y)));
                return layer.OutputNorm.Forward(layer.AfterFeedForward.Join(y, written, layer.OutputNorm.Forward));
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
    protected override Tensor SequenceScores(Tensor hidden) => head.Sequence(Pooled(hidden) ?? hidden.select(1, 0));

    /// <inheritdoc />
    protected override Tensor TokenScores(Tensor hidden) => head.Tokens(hidden);

    private Tensor Embed(Tensor inputIds, Tensor? tokenTypeIds, EncoderCall call)
    {
        var ids = inputIds.reshape(-1);
        var words = EmbedTokens(ids, call.Length);
        var places = config.CountsFromPad ? Counted(inputIds, call) : arange(call.VirtualTokens, call.VirtualTokens + call.Length, ScalarType.Int64, Device).expand(call.Batch, -1);
        var kinds = tokenTypeIds is null ? zeros_like(ids) : tokenTypeIds.reshape(-1);
        var h = embeddingNorm.Forward(words + types.Forward(kinds) + positions.Forward(places.reshape(-1)));
        return project is null ? h : project.Forward(h);
    }

    /// <summary>Positions of RoBERTa: padding stands at the pad id, the first real token behind it.</summary>
    private Tensor Counted(Tensor inputIds, EncoderCall call)
    {
        var pad = config.PadTokenId!.Value;
        var real = inputIds.ne(pad).to(ScalarType.Int64);
        return ((real.cumsum(1) + call.VirtualTokens) * real) + pad;
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(BertConfig config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "attention.self.query", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Key { get; } = weights.Linear(root + "attention.self.key", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Value { get; } = weights.Linear(root + "attention.self.value", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "attention.output.dense", config.HiddenSize, config.HiddenSize, bias: true);

        public SublayerSite AfterAttention { get; } = weights.Sublayer(root + "attention.output", SublayerKind.Attention);

        public LayerNorm AttentionNorm { get; } = weights.LayerNorm(root + "attention.output.LayerNorm", config.HiddenSize, config.LayerNormEps);

        public LinearSite Up { get; } = weights.Linear(root + "intermediate.dense", config.HiddenSize, config.IntermediateSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "output.dense", config.IntermediateSize, config.HiddenSize, bias: true);

        public SublayerSite AfterFeedForward { get; } = weights.Sublayer(root + "output", SublayerKind.FeedForward);

        public LayerNorm OutputNorm { get; } = weights.LayerNorm(root + "output.LayerNorm", config.HiddenSize, config.LayerNormEps);
    }
}
