using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of StarCoder2; an absent field takes the default of Hugging Face's <c>Starcoder2Config</c>.</summary>
public sealed record StarCoder2Config : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>How far a token looks back, itself counted; 0 is to the start.</summary>
    public required int Window { get; init; }

    /// <summary>Whether linear layers have biases.</summary>
    public required bool UseBias { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static StarCoder2Config Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 3072);
        var heads = reader.Size("num_attention_heads", 24);
        var keyValueHeads = reader.Size("num_key_value_heads", 2);
        reader.CheckHeads(width, heads);
        reader.CheckGroups(heads, keyValueHeads);
        reader.CheckRotary(width / heads);
        var positions = reader.Size("max_position_embeddings", 4096);
        return new StarCoder2Config
        {
            ModelType = "starcoder2",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 30),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 49152),
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            BosTokenId = 50256,
            EosTokenIds = [50256],
            IntermediateSize = reader.Size("intermediate_size", 12288),
            HiddenAct = Activations.Check(reader.String("hidden_act") ?? "gelu_pytorch_tanh", reader, "hidden_act"),
            NormEpsilon = reader.Number("norm_epsilon", 1e-5),
            RopeTheta = RopeScaling.Theta(reader, 10000),
            RopeScaling = RopeScaling.Read(reader, positions),
            Window = reader.Int("sliding_window", 0),
            UseBias = reader.Flag("use_bias", true),
        };
    }
}

/// <summary>
/// StarCoder2: rotary positions and grouped keys like Llama, layer norms and an ungated feed-forward with biases like GPT-2. Parameter names
/// are those of Hugging Face's <c>Starcoder2ForCausalLM</c>. https://arxiv.org/abs/2402.19173.
/// </summary>
public sealed class StarCoder2 : CausalLanguageModel
{
    private readonly StarCoder2Config config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public StarCoder2(StarCoder2Config config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_tokens", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.LayerNorm(config.Root + "norm", config.HiddenSize, config.NormEpsilon);
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
        h = h + Attend(index, layer.InputNorm.Forward(h), call);
        return h + layer.Down.Forward(Activations.Of(config.HiddenAct)(layer.Up.Forward(layer.PostAttentionNorm.Forward(h))));
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
        var q = RotaryEmbedding.Rotate(call.Split(layer.Query.Forward(x), config.NumAttentionHeads), cos, sin).transpose(1, 2);
        var k = RotaryEmbedding.Rotate(call.Split(layer.Key.Forward(x), config.NumKeyValueHeads), cos, sin).transpose(1, 2);
        var v = call.Split(layer.Value.Forward(x), config.NumKeyValueHeads).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, v, call.Mask(config.Window)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(StarCoder2Config config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "self_attn.q_proj", config.HiddenSize, config.QueryWidth, config.UseBias);

        public LinearSite Key { get; } = weights.Linear(root + "self_attn.k_proj", config.HiddenSize, config.KeyWidth, config.UseBias);

        public LinearSite Value { get; } = weights.Linear(root + "self_attn.v_proj", config.HiddenSize, config.KeyWidth, config.UseBias);

        public LinearSite Output { get; } = weights.Linear(root + "self_attn.o_proj", config.QueryWidth, config.HiddenSize, config.UseBias);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.c_fc", config.HiddenSize, config.IntermediateSize, config.UseBias);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.c_proj", config.IntermediateSize, config.HiddenSize, config.UseBias);

        public LayerNorm InputNorm { get; } = weights.LayerNorm(root + "input_layernorm", config.HiddenSize, config.NormEpsilon);

        public LayerNorm PostAttentionNorm { get; } = weights.LayerNorm(root + "post_attention_layernorm", config.HiddenSize, config.NormEpsilon);
    }
}
