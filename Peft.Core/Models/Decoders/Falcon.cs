using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of Falcon; an absent field takes the default of Hugging Face's <c>FalconConfig</c>.</summary>
public sealed record FalconConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int FfnHiddenSize { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether ALiBi stands in for the rotation.</summary>
    public required bool Alibi { get; init; }

    /// <summary>Whether linear layers have biases.</summary>
    public required bool Bias { get; init; }

    /// <summary>Whether queries, keys and values lie together per key head (40B and later).</summary>
    public required bool NewDecoderArchitecture { get; init; }

    /// <summary>Whether all query heads share one key and one value head (7B).</summary>
    public required bool MultiQuery { get; init; }

    /// <summary>Whether attention and feed-forward stand side by side.</summary>
    public required bool ParallelAttention { get; init; }

    /// <summary>Norms in front of the two when they stand side by side.</summary>
    public required int ParallelNorms { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static FalconConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 4544);
        var heads = reader.Size("num_attention_heads", 71);
        reader.CheckHeads(width, heads);
        var multiQuery = reader.Flag("multi_query", true);
        var renewed = reader.Flag("new_decoder_architecture", false);
        var keyValueHeads = renewed || !multiQuery ? reader.Size("num_kv_heads", heads) : 1;
        reader.CheckGroups(heads, keyValueHeads);
        var positions = reader.Size("max_position_embeddings", 2048);
        return new FalconConfig
        {
            ModelType = "falcon",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 65024),
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            BosTokenId = 11,
            EosTokenIds = [11],
            FfnHiddenSize = reader.Size("ffn_hidden_size", 4 * width),
            Activation = Activations.Check(reader.String("activation") ?? "gelu", reader, "activation"),
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
            RopeTheta = RopeScaling.Theta(reader, 10000),
            RopeScaling = RopeScaling.Read(reader, positions),
            Alibi = reader.Flag("alibi", false),
            Bias = reader.Flag("bias", false),
            NewDecoderArchitecture = renewed,
            MultiQuery = multiQuery,
            ParallelAttention = reader.Flag("parallel_attn", true),
            ParallelNorms = reader.Int("num_ln_in_parallel_attn", renewed ? 2 : 1),
        };
    }
}

/// <summary>
/// Falcon in its three forms: 7B (one key head, one norm for attention and feed-forward side by side), 40B (grouped keys, two norms) and RW
/// (ALiBi, one behind the other). Parameter names are those of Hugging Face's <c>FalconForCausalLM</c>. https://arxiv.org/abs/2311.16867.
/// </summary>
public sealed class Falcon : CausalLanguageModel
{
    private readonly FalconConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public Falcon(FalconConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "word_embeddings", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}h.{i}."))];
        norm = weights.LayerNorm(config.Root + "ln_f", config.HiddenSize, config.LayerNormEpsilon);
        Head = TakeHead(weights, config.HiddenSize, tokenHead: "classifier");
        rotary = new RotaryEmbedding(config.HeadDim, config.RopeTheta, config.RopeScaling, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}h.{layer}.self_attention";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.AttentionNorm.Forward(h);
        var attended = Attend(index, x, call);
        if (config.ParallelAttention || config.NewDecoderArchitecture)
            return FeedForward(layer, layer.FeedForwardNorm?.Forward(h) ?? x) + attended + h;
        h = h + attended;
        return FeedForward(layer, layer.FeedForwardNorm!.Forward(h)) + h;
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private Tensor FeedForward(Block layer, Tensor x) => layer.Down.Forward(Activations.Of(config.Activation)(layer.Up.Forward(x)));

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var (q, k, v) = Separate(layer.QueryKeyValue.Forward(x), call);
        if (config.Alibi)
        {
            var mask = call.Biased(typeof(Alibi), () => Bias(call));
            return layer.Output.Forward(call.Attend(index, q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask));
        }

        var (cos, sin) = call.Angles(rotary);
        q = RotaryEmbedding.Rotate(q, cos, sin).transpose(1, 2);
        k = RotaryEmbedding.Rotate(k, cos, sin).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, v.transpose(1, 2)));
    }

    /// <summary>Queries, keys and values [B, T, heads, D] out of the fused projection.</summary>
    private (Tensor Query, Tensor Key, Tensor Value) Separate(Tensor fused, DecoderCall call)
    {
        if (config.NewDecoderArchitecture)
        {
            var groups = config.NumAttentionHeads / config.NumKeyValueHeads;
            var parts = fused.view(call.Batch, call.Length, config.NumKeyValueHeads, groups + 2, config.HeadDim).split([groups, 1, 1], 3);
            return (parts[0].reshape(call.Batch, call.Length, config.NumAttentionHeads, config.HeadDim), parts[1].squeeze(3), parts[2].squeeze(3));
        }

        if (config.MultiQuery)
        {
            var parts = call.Split(fused, config.NumAttentionHeads + 2).split([config.NumAttentionHeads, 1, 1], 2);
            return (parts[0], parts[1], parts[2]);
        }

        var each = fused.view(call.Batch, call.Length, config.NumAttentionHeads, 3, config.HeadDim).unbind(3);
        return (each[0], each[1], each[2]);
    }

    /// <summary>Falcon rounds ALiBi to bfloat16 and divides it by √D with the scores.</summary>
    private Tensor Bias(DecoderCall call)
    {
        var slopes = Blocks.Alibi.Slopes(config.NumAttentionHeads);
        using var rounded = tensor(slopes).to(ScalarType.BFloat16).to(ScalarType.Float32);
        var bias = Blocks.Alibi.ByMask([.. rounded.data<float>()], call, Device).to(ScalarType.BFloat16).to(ScalarType.Float32);
        return bias / Math.Sqrt(config.HeadDim);
    }

    private sealed class Block
    {
        public Block(FalconConfig config, WeightSource weights, string root)
        {
            QueryKeyValue = weights.Linear(root + "self_attention.query_key_value", config.HiddenSize, config.QueryWidth + (2 * config.KeyWidth), config.Bias);
            Output = weights.Linear(root + "self_attention.dense", config.HiddenSize, config.HiddenSize, config.Bias);
            Up = weights.Linear(root + "mlp.dense_h_to_4h", config.HiddenSize, config.FfnHiddenSize, config.Bias);
            Down = weights.Linear(root + "mlp.dense_4h_to_h", config.FfnHiddenSize, config.HiddenSize, config.Bias);
            LayerNorm Norm(string name) => weights.LayerNorm(root + name, config.HiddenSize, config.LayerNormEpsilon);
            var two = config.NewDecoderArchitecture && config.ParallelNorms == 2;
            AttentionNorm = Norm(two ? "ln_attn" : "input_layernorm");
            FeedForwardNorm = two ? Norm("ln_mlp") : config.ParallelAttention ? null : Norm("post_attention_layernorm");
        }

        public LinearSite QueryKeyValue { get; }

        public LinearSite Output { get; }

        public LinearSite Up { get; }

        public LinearSite Down { get; }

        public LayerNorm AttentionNorm { get; }

        public LayerNorm? FeedForwardNorm { get; }
    }
}
