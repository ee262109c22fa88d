using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of MPT; an absent field takes the default of Hugging Face's <c>MptConfig</c>.</summary>
public sealed record MptConfig : ModelConfig
{
    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Queries, keys and values are cut to ± this; null leaves them.</summary>
    public required double? ClipQkv { get; init; }

    /// <summary>Factor on the scores; null is 1/√D.</summary>
    public required double? SoftmaxScale { get; init; }

    /// <summary>Exponent of the smallest slope.</summary>
    public required double AlibiBiasMax { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static MptConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("d_model", 2048);
        var heads = reader.Size("n_heads", 16);
        reader.CheckHeads(width, heads);
        var attention = reader.Object("attn_config");
        if (attention?.Flag("qk_ln", false) == true)
            throw new PeftException($"{reader.Path}: field 'attn_config.qk_ln' is true; norms on queries and keys are not computed for MPT.");
        return new MptConfig
        {
            ModelType = "mpt",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("n_layers", 24),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50368),
            MaxPositionEmbeddings = reader.Size("max_seq_len", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
            ClipQkv = attention?.NumberOrNull("clip_qkv") is > 0 and var clip ? clip : null,
            SoftmaxScale = attention?.NumberOrNull("softmax_scale"),
            AlibiBiasMax = attention?.Number("alibi_bias_max", 8) ?? 8,
        };
    }
}

/// <summary>
/// MPT: ALiBi instead of positions, no biases anywhere, not even in the norms. Parameter names are those of Hugging Face's
/// <c>MptForCausalLM</c>. https://www.databricks.com/blog/mpt-7b.
/// </summary>
public sealed class Mpt : CausalLanguageModel
{
    /// <summary>Width of the feed-forward layer in widths of the residual stream: Hugging Face computes 4 whatever expansion_ratio says.</summary>
    private const int FeedForwardWidths = 4;

    private readonly MptConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;

    /// <summary>Builds the model from its config and weights.</summary>
    public Mpt(MptConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "wte", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}blocks.{i}."))];
        norm = weights.LayerNorm(config.Root + "norm_f", config.HiddenSize, config.LayerNormEpsilon, bias: false);
        Head = TakeHead(weights, config.HiddenSize, tokenHead: "classifier");
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}blocks.{layer}.attn";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = h + Attend(index, layer.AttentionNorm.Forward(h), call);
        return h + layer.Down.Forward(Activations.Of("gelu")(layer.Up.Forward(layer.FeedForwardNorm.Forward(h))));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var fused = layer.QueryKeyValue.Forward(x);
        if (config.ClipQkv is { } clip)
            fused = fused.clamp(-clip, clip);
        var parts = fused.view(call.Batch, call.Length, 3, config.NumAttentionHeads, config.HeadDim).unbind(2);
        var mask = call.Biased(typeof(Alibi), () => Alibi.ByDistance(Alibi.InterleavedSlopes(config.NumAttentionHeads, config.AlibiBiasMax), call, Device));
        return layer.Output.Forward(call.Attend(
            index, parts[0].transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2), mask, config.SoftmaxScale));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(MptConfig config, WeightSource weights, string root)
    {
        public LayerNorm AttentionNorm { get; } = weights.LayerNorm(root + "norm_1", config.HiddenSize, config.LayerNormEpsilon, bias: false);

        public LinearSite QueryKeyValue { get; } = weights.Linear(root + "attn.Wqkv", config.HiddenSize, 3 * config.HiddenSize, bias: false);

        public LinearSite Output { get; } = weights.Linear(root + "attn.out_proj", config.HiddenSize, config.HiddenSize, bias: false);

        public LayerNorm FeedForwardNorm { get; } = weights.LayerNorm(root + "norm_2", config.HiddenSize, config.LayerNormEpsilon, bias: false);

        public LinearSite Up { get; } = weights.Linear(root + "ffn.up_proj", config.HiddenSize, FeedForwardWidths * config.HiddenSize, bias: false);

        public LinearSite Down { get; } = weights.Linear(root + "ffn.down_proj", FeedForwardWidths * config.HiddenSize, config.HiddenSize, bias: false);
    }
}
