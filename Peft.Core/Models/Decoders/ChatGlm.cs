using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>
/// Config of ChatGLM2, ChatGLM3 and GLM-4-9B in the authors' own format; an absent field takes the default of their config class.
/// </summary>
public sealed record ChatGlmConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int FfnHiddenSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Whether norms are RMS norms rather than layer norms.</summary>
    public required bool RmsNorm { get; init; }

    /// <summary>Whether there is a norm behind the last layer.</summary>
    public required bool PostLayerNorm { get; init; }

    /// <summary>Whether keys and values are shared by groups of heads.</summary>
    public required bool MultiQuery { get; init; }

    /// <summary>Whether query_key_value has a bias.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>Whether the other linear layers have biases.</summary>
    public required bool Bias { get; init; }

    /// <summary>Whether the residual is what comes out of the norm.</summary>
    public required bool ResidualBehindNorm { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static ChatGlmConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var heads = reader.Size("num_attention_heads", 32);
        var multiQuery = reader.Flag("multi_query_attention", false);
        var groups = multiQuery ? reader.Size("multi_query_group_num", 1) : heads;
        var channels = reader.Size("kv_channels", 128);
        reader.CheckGroups(heads, groups);
        if (channels % 4 != 0)
            throw new PeftException($"{reader.Path}: field 'kv_channels' is {channels}; rotating half of a head needs a multiple of 4.");
        var bias = reader.Flag("add_bias_linear", false);
        return new ChatGlmConfig
        {
            ModelType = "chatglm",
            HiddenSize = reader.Size("hidden_size", 4096),
            NumHiddenLayers = reader.Size("num_layers", 28),
            NumAttentionHeads = heads,
            NumKeyValueHeads = groups,
            HeadDim = channels,
            VocabSize = reader.Size("padded_vocab_size", 65024),
            MaxPositionEmbeddings = reader.Size("seq_length", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            PadTokenId = 0,
            EosTokenIds = [2],
            FfnHiddenSize = reader.Size("ffn_hidden_size", 13696),
            LayerNormEpsilon = reader.Number("layernorm_epsilon", 1e-5),
            RmsNorm = reader.Flag("rmsnorm", true),
            PostLayerNorm = reader.Flag("post_layer_norm", true),
            MultiQuery = multiQuery,
            QkvBias = bias || reader.Flag("add_qkv_bias", false),
            Bias = bias,
            ResidualBehindNorm = reader.Flag("apply_residual_connection_post_layernorm", false),
            RopeTheta = 10000 * reader.Number("rope_ratio", 1),
        };
    }
}

/// <summary>
/// ChatGLM2, ChatGLM3 and GLM-4-9B: grouped keys, neighbouring dimensions rotate together in half of each head, the gate fused with the
/// feed-forward's first matrix. Parameter names are those of the authors' <c>ChatGLMForConditionalGeneration</c>.
/// https://arxiv.org/abs/2406.12793.
/// </summary>
public sealed class ChatGlm : CausalLanguageModel
{
    private readonly ChatGlmConfig config;
    private readonly Block[] layers;
    private readonly Func<Tensor, Tensor>? norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public ChatGlm(ChatGlmConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embedding.word_embeddings", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}encoder.layers.{i}."))];
        norm = config.PostLayerNorm ? Norm(config, weights, config.Root + "encoder.final_layernorm") : null;
        Head = TakeHead(weights, config.HiddenSize, name: "transformer.output_layer");
        rotary = new RotaryEmbedding(config.HeadDim / 2, config.RopeTheta, RopeScaling.None, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}encoder.layers.{layer}.self_attention";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.InputNorm(h);
        h = Attend(index, x, call) + (config.ResidualBehindNorm ? x : h);
        x = layer.PostAttentionNorm(h);
        var parts = layer.Up.Forward(x).chunk(2, -1);
        return layer.Down.Forward(F.silu(parts[0]) * parts[1]) + (config.ResidualBehindNorm ? x : h);
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm is null ? h : norm(h);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private static Func<Tensor, Tensor> Norm(ChatGlmConfig config, WeightSource weights, string path) => config.RmsNorm
        ? weights.RmsNorm(path, config.HiddenSize, config.LayerNormEpsilon).Forward
        : weights.LayerNorm(path, config.HiddenSize, config.LayerNormEpsilon).Forward;

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var (cos, sin) = call.Angles(rotary);
        var fused = layer.QueryKeyValue.Forward(x);
        Tensor[] parts = config.MultiQuery
            ? fused.split([config.QueryWidth, config.KeyWidth, config.KeyWidth], -1)
            : call.Split(fused, config.NumAttentionHeads).chunk(3, -1);
        Tensor Heads(Tensor part, int heads) => part.reshape(call.Batch, call.Length, heads, config.HeadDim);
        var q = RotaryEmbedding.Rotate(Heads(parts[0], config.NumAttentionHeads), cos, sin, interleaved: true).transpose(1, 2);
        var k = RotaryEmbedding.Rotate(Heads(parts[1], config.NumKeyValueHeads), cos, sin, interleaved: true).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, Heads(parts[2], config.NumKeyValueHeads).transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(ChatGlmConfig config, WeightSource weights, string root)
    {
        public Func<Tensor, Tensor> InputNorm { get; } = Norm(config, weights, root + "input_layernorm");

        public LinearSite QueryKeyValue { get; } =
            weights.Linear(root + "self_attention.query_key_value", config.HiddenSize, config.QueryWidth + (2 * config.KeyWidth), config.QkvBias);

        public LinearSite Output { get; } = weights.Linear(root + "self_attention.dense", config.QueryWidth, config.HiddenSize, config.Bias);

        public Func<Tensor, Tensor> PostAttentionNorm { get; } = Norm(config, weights, root + "post_attention_layernorm");

        public LinearSite Up { get; } = weights.Linear(root + "mlp.dense_h_to_4h", config.HiddenSize, 2 * config.FfnHiddenSize, config.Bias);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.dense_4h_to_h", config.FfnHiddenSize, config.HiddenSize, config.Bias);
    }
}
