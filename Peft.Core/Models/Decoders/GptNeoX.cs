using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of GPT-NeoX and Pythia; an absent field takes the default of Hugging Face's <c>GPTNeoXConfig</c>.</summary>
public sealed record GptNeoXConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Dimensions of a head that rotate.</summary>
    public required int RotaryDim { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>Whether attention and feed-forward stand side by side.</summary>
    public required bool UseParallelResidual { get; init; }

    /// <summary>Whether the attention's linear layers have biases.</summary>
    public required bool AttentionBias { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "gpt_neox";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static GptNeoXConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 6144);
        var heads = reader.Size("num_attention_heads", 64);
        reader.CheckHeads(width, heads);
        var rotary = (int)(width / heads * reader.Number(reader.Has("rotary_pct") ? "rotary_pct" : "partial_rotary_factor", 0.25));
        reader.CheckRotary(rotary);
        return new GptNeoXConfig
        {
            ModelType = "gpt_neox",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 44),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50432),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            BosTokenId = 0,
            EosTokenIds = [2],
            IntermediateSize = reader.Size("intermediate_size", 24576),
            RotaryDim = rotary,
            RopeTheta = reader.Number(reader.Has("rotary_emb_base") ? "rotary_emb_base" : "rope_theta", 10000),
            RopeScaling = RopeScaling.Read(reader, reader.Size("max_position_embeddings", 2048)),
            HiddenAct = Activations.Check(reader.String("hidden_act") ?? "gelu", reader, "hidden_act"),
            LayerNormEps = reader.Number("layer_norm_eps", 1e-5),
            UseParallelResidual = reader.Flag("use_parallel_residual", true),
            AttentionBias = reader.Flag("attention_bias", true),
        };
    }
}

/// <summary>
/// GPT-NeoX (and Pythia): attention and feed-forward side by side with a norm each, rotation in part of each head, queries, keys and values
/// together per head. Parameter names are those of Hugging Face's <c>GPTNeoXForCausalLM</c>. https://arxiv.org/abs/2204.06745.
/// </summary>
public sealed class GptNeoX : CausalLanguageModel
{
    private readonly GptNeoXConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public GptNeoX(GptNeoXConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_in", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.LayerNorm(config.Root + "final_layer_norm", config.HiddenSize, config.LayerNormEps);
        Head = TakeHead(weights, config.HiddenSize, name: "embed_out", tokenHead: "classifier");
        rotary = new RotaryEmbedding(config.RotaryDim, config.RopeTheta, config.RopeScaling, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}layers.{layer}.attention";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var attended = Attend(index, layer.InputNorm.Forward(h), call);
        return config.UseParallelResidual
            ? FeedForward(layer, layer.PostAttentionNorm.Forward(h)) + attended + h
            : FeedForward(layer, layer.PostAttentionNorm.Forward(h + attended)) + (h + attended);
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private Tensor FeedForward(Block layer, Tensor x) => layer.Down.Forward(Activations.Of(config.HiddenAct)(layer.Up.Forward(x)));

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var (cos, sin) = call.Angles(rotary);
        var parts = layer.QueryKeyValue.Forward(x).view(call.Batch, call.Length, config.NumAttentionHeads, 3 * config.HeadDim).chunk(3, -1);
        var q = RotaryEmbedding.Rotate(parts[0], cos, sin).transpose(1, 2);
        var k = RotaryEmbedding.Rotate(parts[1], cos, sin).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, parts[2].transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(GptNeoXConfig config, WeightSource weights, string root)
    {
        public LayerNorm InputNorm { get; } = weights.LayerNorm(root + "input_layernorm", config.HiddenSize, config.LayerNormEps);

        public LayerNorm PostAttentionNorm { get; } = weights.LayerNorm(root + "post_attention_layernorm", config.HiddenSize, config.LayerNormEps);

        public LinearSite QueryKeyValue { get; } = weights.Linear(root + "attention.query_key_value", config.HiddenSize, 3 * config.HiddenSize, config.AttentionBias);

        public LinearSite Output { get; } = weights.Linear(root + "attention.dense", config.HiddenSize, config.HiddenSize, config.AttentionBias);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.dense_h_to_4h", config.HiddenSize, config.IntermediateSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.dense_4h_to_h", config.IntermediateSize, config.HiddenSize, bias: true);
    }
}
