using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of OLMo 2; an absent field takes the default of Hugging Face's <c>Olmo2Config</c>.</summary>
public sealed record Olmo2Config : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether q, k, v and o have biases.</summary>
    public required bool AttentionBias { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static Olmo2Config Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 4096);
        var heads = reader.Size("num_attention_heads", 32);
        var keyValueHeads = reader.Size("num_key_value_heads", heads);
        reader.CheckHeads(width, heads);
        reader.CheckGroups(heads, keyValueHeads);
        reader.CheckRotary(width / heads);
        var positions = reader.Size("max_position_embeddings", 2048);
        return new Olmo2Config
        {
            ModelType = "olmo2",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50304),
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            PadTokenId = 1,
            EosTokenIds = [50279],
            IntermediateSize = reader.Size("intermediate_size", 11008),
            RmsNormEps = reader.Number("rms_norm_eps", 1e-5),
            RopeTheta = RopeScaling.Theta(reader, 10000),
            RopeScaling = RopeScaling.Read(reader, positions),
            AttentionBias = reader.Flag("attention_bias", false),
        };
    }
}

/// <summary>
/// OLMo 2: norms stand behind attention and feed-forward only, and over the whole of queries and of keys. Parameter names are those of
/// Hugging Face's <c>Olmo2ForCausalLM</c>. https://arxiv.org/abs/2501.00656.
/// </summary>
public sealed class Olmo2 : CausalLanguageModel
{
    private readonly Olmo2Config config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public Olmo2(Olmo2Config config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_tokens", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.RmsNorm(config.Root + "norm", config.HiddenSize, config.RmsNormEps);
        Head = TakeHead(weights, config.HiddenSize);
        rotary = new RotaryEmbedding(config.HeadDim, config.RopeTheta, config.RopeScaling, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}layers.{layer}.self_attn";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = h + layer.PostAttentionNorm.Forward(Attend(index, h, call));
        return h + layer.PostFeedForwardNorm.Forward(layer.Down.Forward(F.silu(layer.Gate.Forward(h)) * layer.Up.Forward(h)));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var (cos, sin) = call.Angles(rotary);
        var q = call.Split(layer.QueryNorm.Forward(layer.Query.Forward(x)), config.NumAttentionHeads);
        var k = call.Split(layer.KeyNorm.Forward(layer.Key.Forward(x)), config.NumKeyValueHeads);
        q = RotaryEmbedding.Rotate(q, cos, sin).transpose(1, 2);
        k = RotaryEmbedding.Rotate(k, cos, sin).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, call.Split(layer.Value.Forward(x), config.NumKeyValueHeads).transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(Olmo2Config config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "self_attn.q_proj", config.HiddenSize, config.QueryWidth, config.AttentionBias);

        public LinearSite Key { get; } = weights.Linear(root + "self_attn.k_proj", config.HiddenSize, config.KeyWidth, config.AttentionBias);

        public LinearSite Value { get; } = weights.Linear(root + "self_attn.v_proj", config.HiddenSize, config.KeyWidth, config.AttentionBias);

        public LinearSite Output { get; } = weights.Linear(root + "self_attn.o_proj", config.QueryWidth, config.HiddenSize, config.AttentionBias);

        public RmsNorm QueryNorm { get; } = weights.RmsNorm(root + "self_attn.q_norm", config.QueryWidth, config.RmsNormEps);

        public RmsNorm KeyNorm { get; } = weights.RmsNorm(root + "self_attn.k_norm", config.KeyWidth, config.RmsNormEps);

        public LinearSite Gate { get; } = weights.Linear(root + "mlp.gate_proj", config.HiddenSize, config.IntermediateSize, bias: false);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.up_proj", config.HiddenSize, config.IntermediateSize, bias: false);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.down_proj", config.IntermediateSize, config.HiddenSize, bias: false);

        public RmsNorm PostAttentionNorm { get; } = weights.RmsNorm(root + "post_attention_layernorm", config.HiddenSize, config.RmsNormEps);

        public RmsNorm PostFeedForwardNorm { get; } = weights.RmsNorm(root + "post_feedforward_layernorm", config.HiddenSize, config.RmsNormEps);
    }
}
