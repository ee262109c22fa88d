using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of BLOOM; an absent field takes the default of Hugging Face's <c>BloomConfig</c>.</summary>
public sealed record BloomConfig : ModelConfig
{
    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Whether the residual is what comes out of the norm rather than what goes in.</summary>
    public required bool ResidualBehindNorm { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static BloomConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size(reader.Has("n_embed") ? "n_embed" : "hidden_size", 64);
        var heads = reader.Size(reader.Has("num_attention_heads") ? "num_attention_heads" : "n_head", 8);
        reader.CheckHeads(width, heads);
        return new BloomConfig
        {
            ModelType = "bloom",
            HiddenSize = width,
            NumHiddenLayers = reader.Size(reader.Has("num_hidden_layers") ? "num_hidden_layers" : "n_layer", 2),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 250880),
            MaxPositionEmbeddings = reader.Size("seq_length", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            BosTokenId = 1,
            EosTokenIds = [2],
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
            ResidualBehindNorm = reader.Flag("apply_residual_connection_post_layernorm", false),
        };
    }
}

/// <summary>
/// BLOOM: ALiBi instead of positions, a norm behind the embedding, one matrix for queries, keys and values that lie together per head.
/// Parameter names are those of Hugging Face's <c>BloomForCausalLM</c>. https://arxiv.org/abs/2211.05100.
/// </summary>
public sealed class Bloom : CausalLanguageModel
{
    private readonly BloomConfig config;
    private readonly LayerNorm embeddingNorm;
    private readonly Block[] layers;
    private readonly LayerNorm norm;

    /// <summary>Builds the model from its config and weights.</summary>
    public Bloom(BloomConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "word_embeddings", config.VocabSize, config.HiddenSize);
        embeddingNorm = weights.LayerNorm(config.Root + "word_embeddings_layernorm", config.HiddenSize, config.LayerNormEpsilon);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}h.{i}."))];
        norm = weights.LayerNorm(config.Root + "ln_f", config.HiddenSize, config.LayerNormEpsilon);
        Head = TakeHead(weights, config.HiddenSize, tokenHead: "classifier");
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}h.{layer}.self_attention";

    /// <inheritdoc />
    protected override Tensor Embed(Tensor ids, DecoderCall call) => embeddingNorm.Forward(EmbedTokens(ids, call.Length));

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.InputNorm.Forward(h);
        h = Attend(index, x, call) + (config.ResidualBehindNorm ? x : h);
        x = layer.PostAttentionNorm.Forward(h);
        return layer.Down.Forward(Activations.Of("gelu_new")(layer.Up.Forward(x))) + (config.ResidualBehindNorm ? x : h);
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var parts = layer.QueryKeyValue.Forward(x).view(call.Batch, call.Length, config.NumAttentionHeads, 3, config.HeadDim).unbind(3);
        var mask = call.Biased(typeof(Alibi), () => Alibi.ByMask(Alibi.Slopes(config.NumAttentionHeads), call, Device));
        return layer.Output.Forward(call.Attend(index, parts[0].transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2), mask));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(BloomConfig config, WeightSource weights, string root)
    {
        public LayerNorm InputNorm { get; } = weights.LayerNorm(root + "input_layernorm", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite QueryKeyValue { get; } = weights.Linear(root + "self_attention.query_key_value", config.HiddenSize, 3 * config.HiddenSize, bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "self_attention.dense", config.HiddenSize, config.HiddenSize, bias: true);

        public LayerNorm PostAttentionNorm { get; } = weights.LayerNorm(root + "post_attention_layernorm", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.dense_h_to_4h", config.HiddenSize, 4 * config.HiddenSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.dense_4h_to_h", 4 * config.HiddenSize, config.HiddenSize, bias: true);
    }
}
