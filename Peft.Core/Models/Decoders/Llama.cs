using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of the Llama architecture; an absent field takes the default of Hugging Face's <c>LlamaConfig</c>.</summary>
public sealed record LlamaConfig : ModelConfig
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

    /// <summary>Whether gate, up and down have biases.</summary>
    public required bool MlpBias { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static LlamaConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var hidden = reader.Size("hidden_size", 4096);
        var heads = reader.Size("num_attention_heads", 32);
        var keyValueHeads = reader.Size("num_key_value_heads", heads);
        var headDim = reader.Size("head_dim", Math.Max(1, hidden / heads));
        reader.CheckGroups(heads, keyValueHeads);
        reader.CheckRotary(headDim);
        var act = reader.String("hidden_act") ?? "silu";
        if (act is not ("silu" or "swish"))
            throw new PeftException($"{reader.Path}: field 'hidden_act' is '{act}'; a Llama model computes with silu.");
        return new LlamaConfig
        {
            ModelType = "llama",
            HiddenSize = hidden,
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = headDim,
            VocabSize = reader.Size("vocab_size", 32000),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            IntermediateSize = reader.Size("intermediate_size", 11008),
            RmsNormEps = reader.Number("rms_norm_eps", 1e-6),
            RopeTheta = reader.Number("rope_theta", 10000),
            RopeScaling = RopeScaling.Read(reader),
            AttentionBias = reader.Flag("attention_bias", false),
            MlpBias = reader.Flag("mlp_bias", false),
        };
    }
}

/// <summary>
/// The Llama decoder: layers of attention (rotary positions, grouped keys and values) and gated feed-forward, each behind an RMS norm and
/// added to the residual stream. Parameter names are those of Hugging Face's <c>LlamaForCausalLM</c>.
/// https://arxiv.org/abs/2302.13971, https://arxiv.org/abs/2407.21783.
/// </summary>
public sealed class Llama : CausalLanguageModel
{
    private readonly LlamaConfig config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public Llama(LlamaConfig config, WeightSource weights)
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
        ArgumentNullException.ThrowIfNull(call);
        var layer = layers[index];
        h = h + Attend(index, layer.InputNorm.Forward(h), call);
        var x = layer.PostAttentionNorm.Forward(h);
        return h + layer.Down.Forward(F.silu(layer.Gate.Forward(x)) * layer.Up.Forward(x));
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
        var q = layer.Query.Forward(x).view(call.Batch, call.Length, config.NumAttentionHeads, config.HeadDim);
        var k = layer.Key.Forward(x).view(call.Batch, call.Length, config.NumKeyValueHeads, config.HeadDim);
        var v = layer.Value.Forward(x).view(call.Batch, call.Length, config.NumKeyValueHeads, config.HeadDim);
        q = RotaryEmbedding.Rotate(q, cos, sin).transpose(1, 2); // [B, H, T, D]
        k = RotaryEmbedding.Rotate(k, cos, sin).transpose(1, 2); // [B, Hkv, T, D]
        return layer.Output.Forward(call.Attend(index, q, k, v.transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(LlamaConfig config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "self_attn.q_proj", config.HiddenSize, config.QueryWidth, config.AttentionBias);

        public LinearSite Key { get; } = weights.Linear(root + "self_attn.k_proj", config.HiddenSize, config.KeyWidth, config.AttentionBias);

        public LinearSite Value { get; } = weights.Linear(root + "self_attn.v_proj", config.HiddenSize, config.KeyWidth, config.AttentionBias);

        public LinearSite Output { get; } = weights.Linear(root + "self_attn.o_proj", config.QueryWidth, config.HiddenSize, config.AttentionBias);

        public LinearSite Gate { get; } = weights.Linear(root + "mlp.gate_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.up_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.down_proj", config.IntermediateSize, config.HiddenSize, config.MlpBias);

        public RmsNorm InputNorm { get; } = weights.RmsNorm(root + "input_layernorm", config.HiddenSize, config.RmsNormEps);

        public RmsNorm PostAttentionNorm { get; } = weights.RmsNorm(root + "post_attention_layernorm", config.HiddenSize, config.RmsNormEps);
    }
}
