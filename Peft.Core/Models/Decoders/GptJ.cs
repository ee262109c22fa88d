using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of GPT-J; an absent field takes the default of Hugging Face's <c>GPTJConfig</c>.</summary>
public sealed record GptJConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int InnerSize { get; init; }

    /// <summary>Dimensions of a head that rotate.</summary>
    public required int RotaryDim { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static GptJConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("n_embd", 4096);
        var heads = reader.Size("n_head", 16);
        reader.CheckHeads(width, heads);
        var rotary = reader.Has("rotary_dim") && reader.IsNull("rotary_dim") ? width : reader.Size("rotary_dim", 64);
        reader.CheckRotary(rotary);
        return new GptJConfig
        {
            ModelType = "gptj",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("n_layer", 28),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50400),
            MaxPositionEmbeddings = reader.Size("n_positions", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            BosTokenId = 50256,
            EosTokenIds = [50256],
            InnerSize = reader.Size("n_inner", 4 * width),
            RotaryDim = Math.Min(rotary, width / heads),
            Activation = Activations.Check(reader.String("activation_function") ?? "gelu_new", reader, "activation_function"),
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
        };
    }
}

/// <summary>
/// GPT-J: attention and feed-forward stand side by side behind one norm; neighbouring dimensions rotate together, in part of each head.
/// Parameter names are those of Hugging Face's <c>GPTJForCausalLM</c>. https://github.com/kingoflolz/mesh-transformer-jax.
/// </summary>
public sealed class GptJ : CausalLanguageModel
{
    private readonly GptJConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public GptJ(GptJConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "wte", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}h.{i}."))];
        norm = weights.LayerNorm(config.Root + "ln_f", config.HiddenSize, config.LayerNormEpsilon);
        Head = TakeHead(weights, config.HiddenSize, bias: true);
        rotary = new RotaryEmbedding(config.RotaryDim, 10000, RopeScaling.None, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}h.{layer}.attn";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.Norm.Forward(h);
        var forward = layer.Down.Forward(Activations.Of(config.Activation)(layer.Up.Forward(x)));
        return Attend(index, x, call) + forward + h;
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
        Tensor Heads(LinearSite site) => site.Forward(x).view(call.Batch, call.Length, config.NumAttentionHeads, config.HeadDim);
        var q = RotaryEmbedding.Rotate(Heads(layer.Query), cos, sin, interleaved: true).transpose(1, 2);
        var k = RotaryEmbedding.Rotate(Heads(layer.Key), cos, sin, interleaved: true).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, Heads(layer.Value).transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(GptJConfig config, WeightSource weights, string root)
    {
        public LayerNorm Norm { get; } = weights.LayerNorm(root + "ln_1", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite Key { get; } = weights.Linear(root + "attn.k_proj", config.HiddenSize, config.HiddenSize, bias: false);

        public LinearSite Value { get; } = weights.Linear(root + "attn.v_proj", config.HiddenSize, config.HiddenSize, bias: false);

        public LinearSite Query { get; } = weights.Linear(root + "attn.q_proj", config.HiddenSize, config.HiddenSize, bias: false);

        public LinearSite Output { get; } = weights.Linear(root + "attn.out_proj", config.HiddenSize, config.HiddenSize, bias: false);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.fc_in", config.HiddenSize, config.InnerSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.fc_out", config.InnerSize, config.HiddenSize, bias: true);
    }
}
