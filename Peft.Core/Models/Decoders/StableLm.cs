using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of StableLM; an absent field takes the default of Hugging Face's <c>StableLmConfig</c>.</summary>
public sealed record StableLmConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Activation of the gate.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>Dimensions of a head that rotate.</summary>
    public required int RotaryDim { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether q, k and v have biases.</summary>
    public required bool UseQkvBias { get; init; }

    /// <summary>Whether every head of queries and keys has a norm of its own.</summary>
    public required bool QkLayerNorm { get; init; }

    /// <summary>Whether attention and feed-forward stand side by side behind one norm.</summary>
    public required bool UseParallelResidual { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static StableLmConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 2560);
        var heads = reader.Size("num_attention_heads", 32);
        var keyValueHeads = reader.Size("num_key_value_heads", 32);
        reader.CheckHeads(width, heads);
        reader.CheckGroups(heads, keyValueHeads);
        var rotary = (int)(width / heads * reader.Number("partial_rotary_factor", 0.25));
        reader.CheckRotary(rotary);
        var positions = reader.Size("max_position_embeddings", 4096);
        return new StableLmConfig
        {
            ModelType = "stablelm",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50304),
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            BosTokenId = 0,
            EosTokenIds = [0],
            IntermediateSize = reader.Size("intermediate_size", 6912),
            HiddenAct = Activations.Check(reader.String("hidden_act") ?? "silu", reader, "hidden_act"),
            LayerNormEps = reader.Number("layer_norm_eps", 1e-5),
            RotaryDim = rotary,
            RopeTheta = RopeScaling.Theta(reader, 10000),
            RopeScaling = RopeScaling.Read(reader, positions),
            UseQkvBias = reader.Flag("use_qkv_bias", false),
            QkLayerNorm = reader.Flag("qk_layernorm", false),
            UseParallelResidual = reader.Flag("use_parallel_residual", false),
        };
    }
}

/// <summary>
/// StableLM: Llama with layer norms and rotation in part of each head. Parameter names are those of Hugging Face's
/// <c>StableLmForCausalLM</c>. https://arxiv.org/abs/2402.17834.
/// </summary>
public sealed class StableLm : CausalLanguageModel
{
    private readonly StableLmConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public StableLm(StableLmConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_tokens", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.LayerNorm(config.Root + "norm", config.HiddenSize, config.LayerNormEps);
        Head = TakeHead(weights, config.HiddenSize);
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
        var x = layer.InputNorm.Forward(h);
        var attended = Attend(index, x, call);
        if (layer.PostAttentionNorm is null)
            return h + attended + FeedForward(layer, x);
        h = h + attended;
        return h + FeedForward(layer, layer.PostAttentionNorm.Forward(h));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private static Tensor PerHead(LayerNorm[] norms, Tensor x) =>
        norms.Length == 0 ? x : cat([.. norms.Select((n, i) => n.Forward(x.narrow(2, i, 1)))], 2);

    private Tensor FeedForward(Block layer, Tensor x) => layer.Down.Forward(Activations.Of(config.HiddenAct)(layer.Gate.Forward(x)) * layer.Up.Forward(x));

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var (cos, sin) = call.Angles(rotary);
        var q = PerHead(layer.QueryNorms, call.Split(layer.Query.Forward(x), config.NumAttentionHeads));
        var k = PerHead(layer.KeyNorms, call.Split(layer.Key.Forward(x), config.NumKeyValueHeads));
        q = RotaryEmbedding.Rotate(q, cos, sin).transpose(1, 2);
        k = RotaryEmbedding.Rotate(k, cos, sin).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, call.Split(layer.Value.Forward(x), config.NumKeyValueHeads).transpose(1, 2)));
    }

    private sealed class Block
    {
        public Block(StableLmConfig config, WeightSource weights, string root)
        {
            LinearSite Linear(string name, int input, int output, bool bias) => weights.Linear(root + name, input, output, bias);
            LayerNorm[] PerHead(string name, int heads) => config.QkLayerNorm
                ? [.. Enumerable.Range(0, heads).Select(i => weights.LayerNorm($"{root}self_attn.{name}.norms.{i}", config.HeadDim, config.LayerNormEps, bias: false))]
                : [];
            Query = Linear("self_attn.q_proj", config.HiddenSize, config.QueryWidth, config.UseQkvBias);
            Key = Linear("self_attn.k_proj", config.HiddenSize, config.KeyWidth, config.UseQkvBias);
            Value = Linear("self_attn.v_proj", config.HiddenSize, config.KeyWidth, config.UseQkvBias);
            Output = Linear("self_attn.o_proj", config.QueryWidth, config.HiddenSize, false);
            QueryNorms = PerHead("q_layernorm", config.NumAttentionHeads);
            KeyNorms = PerHead("k_layernorm", config.NumKeyValueHeads);
            Gate = Linear("mlp.gate_proj", config.HiddenSize, config.IntermediateSize, false);
            Up = Linear("mlp.up_proj", config.HiddenSize, config.IntermediateSize, false);
            Down = Linear("mlp.down_proj", config.IntermediateSize, config.HiddenSize, false);
            InputNorm = weights.LayerNorm(root + "input_layernorm", config.HiddenSize, config.LayerNormEps);
            PostAttentionNorm = config.UseParallelResidual ? null : weights.LayerNorm(root + "post_attention_layernorm", config.HiddenSize, config.LayerNormEps);
        }

        public LinearSite Query { get; }

        public LinearSite Key { get; }

        public LinearSite Value { get; }

        public LinearSite Output { get; }

        public LayerNorm[] QueryNorms { get; }

        public LayerNorm[] KeyNorms { get; }

        public LinearSite Gate { get; }

        public LinearSite Up { get; }

        public LinearSite Down { get; }

        public LayerNorm InputNorm { get; }

        public LayerNorm? PostAttentionNorm { get; }
    }
}
