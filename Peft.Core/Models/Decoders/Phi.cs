using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of Phi-1 to Phi-2; an absent field takes the default of Hugging Face's <c>PhiConfig</c>.</summary>
public sealed record PhiConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>Dimensions of a head that rotate.</summary>
    public required int RotaryDim { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether queries and keys are normalised per head.</summary>
    public required bool QkLayerNorm { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static PhiConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 2048);
        var heads = reader.Size("num_attention_heads", 32);
        var keyValueHeads = reader.Size("num_key_value_heads", heads);
        reader.CheckHeads(width, heads);
        reader.CheckGroups(heads, keyValueHeads);
        var rotary = (int)(width / heads * reader.Number("partial_rotary_factor", 0.5));
        reader.CheckRotary(rotary);
        var positions = reader.Size("max_position_embeddings", 2048);
        return new PhiConfig
        {
            ModelType = "phi",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 24),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 51200),
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            BosTokenId = 1,
            EosTokenIds = [2],
            IntermediateSize = reader.Size("intermediate_size", 8192),
            HiddenAct = Activations.Check(reader.String("hidden_act") ?? "gelu_new", reader, "hidden_act"),
            LayerNormEps = reader.Number("layer_norm_eps", 1e-5),
            RotaryDim = rotary,
            RopeTheta = RopeScaling.Theta(reader, 10000),
            RopeScaling = RopeScaling.Read(reader, positions),
            QkLayerNorm = reader.Flag("qk_layernorm", false),
        };
    }
}

/// <summary>
/// Phi: attention and feed-forward side by side behind one norm, rotation in part of each head, biases everywhere, also on the head.
/// Parameter names are those of Hugging Face's <c>PhiForCausalLM</c>. https://arxiv.org/abs/2309.05463.
/// </summary>
public sealed class Phi : CausalLanguageModel
{
    private readonly PhiConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public Phi(PhiConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_tokens", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.LayerNorm(config.Root + "final_layernorm", config.HiddenSize, config.LayerNormEps);
        Head = TakeHead(weights, config.HiddenSize, bias: true, tokenHead: "classifier");
        rotary = new RotaryEmbedding(config.RotaryDim, config.RopeTheta, config.RopeScaling, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}layers.{layer}.self_attn";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.Norm.Forward(h);
        return Attend(index, x, call) + layer.Down.Forward(Activations.Of(config.HiddenAct)(layer.Up.Forward(x))) + h;
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
        var q = call.Split(layer.Query.Forward(x), config.NumAttentionHeads);
        var k = call.Split(layer.Key.Forward(x), config.NumKeyValueHeads);
        if (config.QkLayerNorm)
            (q, k) = (layer.QueryNorm!.Forward(q), layer.KeyNorm!.Forward(k));
        q = RotaryEmbedding.Rotate(q, cos, sin).transpose(1, 2);
        k = RotaryEmbedding.Rotate(k, cos, sin).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, call.Split(layer.Value.Forward(x), config.NumKeyValueHeads).transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(PhiConfig config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "self_attn.q_proj", config.HiddenSize, config.QueryWidth, bias: true);

        public LinearSite Key { get; } = weights.Linear(root + "self_attn.k_proj", config.HiddenSize, config.KeyWidth, bias: true);

        public LinearSite Value { get; } = weights.Linear(root + "self_attn.v_proj", config.HiddenSize, config.KeyWidth, bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "self_attn.dense", config.QueryWidth, config.HiddenSize, bias: true);

        public LayerNorm? QueryNorm { get; } = config.QkLayerNorm ? weights.LayerNorm(root + "self_attn.q_layernorm", config.HeadDim, config.LayerNormEps) : null;

        public LayerNorm? KeyNorm { get; } = config.QkLayerNorm ? weights.LayerNorm(root + "self_attn.k_layernorm", config.HeadDim, config.LayerNormEps) : null;

        public LinearSite Up { get; } = weights.Linear(root + "mlp.fc1", config.HiddenSize, config.IntermediateSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.fc2", config.IntermediateSize, config.HiddenSize, bias: true);

        public LayerNorm Norm { get; } = weights.LayerNorm(root + "input_layernorm", config.HiddenSize, config.LayerNormEps);
    }
}
