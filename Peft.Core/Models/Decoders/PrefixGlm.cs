using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of the first ChatGLM-6B and of GLM-130B; an absent field takes the default of the authors' config class.</summary>
public sealed record PrefixGlmConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int InnerHiddenSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Whether places and places within the answer rotate a half of each head (ChatGLM-6B) rather than one the whole.</summary>
    public required bool TwoDimensional { get; init; }

    /// <summary>Factor on the residual stream.</summary>
    public required double Alpha { get; init; }

    /// <inheritdoc />
    public override bool CanPack => false;

    /// <inheritdoc />
    public override bool TakesVirtualTokens => false;

    /// <summary>Whether the feed-forward is gated (GLM-130B).</summary>
    public required bool Gated { get; init; }

    /// <summary>Id that stands for a short answer; from the answer on, places stay where it stood.</summary>
    public required int MaskTokenId { get; init; }

    /// <summary>Id that stands for an answer at the end.</summary>
    public required int GmaskTokenId { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the first ChatGLM-6B. https://huggingface.co/THUDM/chatglm-6b</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static PrefixGlmConfig Read(ConfigReader reader)
    {
        var config = Common(reader, "chatglm", vocabulary: 130528, layers: 28, width: 4096, heads: 32, inner: 16384, sop: 130004, eop: 130005, mask: 130000, gmask: 130001);

        // The authors' code never passes the number of layers on: its default of 28 counts for every size.
        return config with { TwoDimensional = reader.Flag("position_encoding_2d", true), Alpha = Math.Sqrt(2 * 28) };
    }

    /// <summary>Reads GLM-130B. https://arxiv.org/abs/2210.02414</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static PrefixGlmConfig Read130B(ConfigReader reader)
    {
        var config = Common(reader, "glm-130b", vocabulary: 150528, layers: 70, width: 12288, heads: 96, inner: 32768, sop: 150004, eop: 150005, mask: 150000, gmask: 150001);
        return config with { Alpha = Math.Sqrt(2 * config.NumHiddenLayers), Gated = true };
    }

    /// <inheritdoc />
    public override string? PreferredName(string name) => name == "transformer.word_embeddings.weight" ? "lm_head.weight" : null;

    private static PrefixGlmConfig Common(
        ConfigReader reader, string modelType, int vocabulary, int layers, int width, int heads, int inner, int sop, int eop, int mask, int gmask)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var hidden = reader.Size("hidden_size", width);
        var count = reader.Size("num_attention_heads", heads);
        reader.CheckHeads(hidden, count);
        if (hidden / count % 4 != 0)
            throw new PeftException($"{reader.Path}: heads of width {hidden / count} cannot be rotated in halves; they need a multiple of 4.");
        return new PrefixGlmConfig
        {
            ModelType = modelType,
            HiddenSize = hidden,
            NumHiddenLayers = reader.Size("num_layers", layers),
            NumAttentionHeads = count,
            NumKeyValueHeads = count,
            HeadDim = hidden / count,
            VocabSize = reader.Size("vocab_size", vocabulary),
            MaxPositionEmbeddings = reader.Size("max_sequence_length", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = 3,
            BosTokenId = sop,
            EosTokenIds = [eop],
            InnerHiddenSize = reader.Size("inner_hidden_size", inner),
            LayerNormEpsilon = reader.Number("layernorm_epsilon", 1e-5),
            TwoDimensional = false,
            Alpha = 1,
            Gated = false,
            MaskTokenId = reader.Int("mask_token_id", mask),
            GmaskTokenId = reader.Int("gmask_token_id", gmask),
        };
    }
}

/// <summary>
/// The first ChatGLM-6B and GLM-130B: what stands before the start of the answer sees itself wholly, the answer looks back; the residual is
/// what comes out of the norms, times α. Parameter names are those of the authors' code.
/// </summary>
public sealed class PrefixGlm : CausalLanguageModel
{
    private readonly PrefixGlmConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public PrefixGlm(PrefixGlmConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "word_embeddings", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.LayerNorm(config.Root + "final_layernorm", config.HiddenSize, config.LayerNormEpsilon);
        Head = TakeHead(weights, config.HiddenSize);
        rotary = new RotaryEmbedding(config.TwoDimensional ? config.HeadDim / 2 : config.HeadDim, 10000, RopeScaling.None, DType, Device, halfPrecision: true);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}layers.{layer}.attention";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.InputNorm.Forward(h);
        h = (x * config.Alpha) + Attend(index, x, call);
        x = layer.PostAttentionNorm.Forward(h);
        return (x * config.Alpha) + FeedForward(layer, x);
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private Tensor FeedForward(Block layer, Tensor x)
    {
        var up = layer.Up.Forward(x);
        if (!config.Gated)
            return layer.Down.Forward(Activations.Of("gelu_new")(up));
        var parts = up.chunk(2, -1);
        return layer.Down.Forward(parts[0] * Activations.Of("gelu")(parts[1]));
    }

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var places = PrefixGlmPlaces.Of(config, call, Device);
        var parts = layer.QueryKeyValue.Forward(x).view(call.Batch, call.Length, config.NumAttentionHeads, 3 * config.HeadDim).chunk(3, -1);
        var (q, k) = (Rotate(parts[0], places, call), Rotate(parts[1], places, call));
        var mask = new AttentionMask(
            call.Once("glm-mask", () => AttentionMask.Hide(places.Blocked(call, Device), DType)), Causal: false, HasBlindRows: call.Padding is not null);
        return layer.Output.Forward(call.Attend(index, q.transpose(1, 2), k.transpose(1, 2), parts[2].transpose(1, 2), mask));
    }

    private Tensor Rotate(Tensor x, PrefixGlmPlaces places, DecoderCall call)
    {
        (Tensor, Tensor) Angles(string key, Func<Tensor> rows) => (
            call.Once(key + "-cos", () => rotary.At(rows().reshape(-1), places.Largest + 1).Cos.view(call.Batch, call.Length, 1, -1)),
            call.Once(key + "-sin", () => rotary.At(rows().reshape(-1), places.Largest + 1).Sin.view(call.Batch, call.Length, 1, -1)));
        var (cos, sin) = Angles("glm-place", () => places.Place);
        if (!config.TwoDimensional)
            return RotaryEmbedding.Rotate(x, cos, sin);
        var (blockCos, blockSin) = Angles("glm-block", () => places.BlockPlace);
        var halves = x.chunk(2, -1);
        return cat([RotaryEmbedding.Rotate(halves[0], cos, sin), RotaryEmbedding.Rotate(halves[1], blockCos, blockSin)], -1);
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(PrefixGlmConfig config, WeightSource weights, string root)
    {
        public LayerNorm InputNorm { get; } = weights.LayerNorm(root + "input_layernorm", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite QueryKeyValue { get; } = weights.Linear(root + "attention.query_key_value", config.HiddenSize, 3 * config.HiddenSize, bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "attention.dense", config.HiddenSize, config.HiddenSize, bias: true);

        public LayerNorm PostAttentionNorm { get; } = weights.LayerNorm(root + "post_attention_layernorm", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.dense_h_to_4h", config.HiddenSize, (config.Gated ? 2 : 1) * config.InnerHiddenSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.dense_4h_to_h", config.InnerHiddenSize, config.HiddenSize, bias: true);
    }
}
