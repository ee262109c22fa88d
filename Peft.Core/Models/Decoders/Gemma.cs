using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of Gemma 1 to 3 (text); an absent field takes the default of each one's Hugging Face config class.</summary>
public sealed record GemmaConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Activation of the gate.</summary>
    public required string Activation { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Base θ of the rotary frequencies of layers that see everything.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Base θ of those in windows.</summary>
    public required double RopeLocalTheta { get; init; }

    /// <summary>Stretching in layers that see everything.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether q, k, v and o have biases.</summary>
    public required bool AttentionBias { get; init; }

    /// <summary>Scores are divided by the root of this.</summary>
    public required double QueryScalar { get; init; }

    /// <summary>Scores s become cap · tanh(s / cap); 0 leaves them.</summary>
    public double AttentionSoftCap { get; init; }

    /// <summary>The same for logits.</summary>
    public double FinalSoftCap { get; init; }

    /// <summary>Whether norms stand behind attention and feed-forward, too (2 and 3).</summary>
    public bool Sandwich { get; init; }

    /// <summary>Whether queries and keys are normalised per head (3).</summary>
    public bool HeadNorm { get; init; }

    /// <summary>How far a token of each layer looks back, itself counted; 0 is to the start.</summary>
    public required IReadOnlyList<int> Windows { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the first Gemma. https://arxiv.org/abs/2403.08295</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static GemmaConfig Read(ConfigReader reader)
    {
        var config = Common(reader, "gemma", 3072, 28, 16, 16, 24576, 256000, 8192, 10000, "hidden_act");
        return config with { QueryScalar = config.HeadDim };
    }

    /// <summary>Reads Gemma 2. https://arxiv.org/abs/2408.00118</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static GemmaConfig Read2(ConfigReader reader)
    {
        var config = Common(reader, "gemma2", 2304, 26, 8, 4, 9216, 256000, 8192, 10000, "hidden_activation");
        return config with
        {
            Sandwich = true,
            AttentionSoftCap = reader.IsNull("attn_logit_softcapping") ? 0 : reader.Number("attn_logit_softcapping", 50),
            FinalSoftCap = reader.IsNull("final_logit_softcapping") ? 0 : reader.Number("final_logit_softcapping", 30),
            Windows = WindowsOf(reader, config, every: 2),
        };
    }

    /// <summary>Reads Gemma 3 (text). https://arxiv.org/abs/2503.19786</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static GemmaConfig Read3(ConfigReader reader)
    {
        var config = Common(reader, "gemma3_text", 2304, 26, 8, 4, 9216, 262208, 131072, 1000000, "hidden_activation");
        return config with
        {
            Sandwich = true,
            HeadNorm = true,
            RopeLocalTheta = reader.Number("rope_local_base_freq", 10000),
            AttentionSoftCap = reader.NumberOrNull("attn_logit_softcapping") ?? 0,
            FinalSoftCap = reader.NumberOrNull("final_logit_softcapping") ?? 0,
            Windows = WindowsOf(reader, config, reader.Int("_sliding_window_pattern", reader.Int("sliding_window_pattern", 6))),
        };
    }

    private static GemmaConfig Common(
        ConfigReader reader, string modelType, int width, int layers, int heads, int keyValueHeads, int inner, int vocabulary, int positions, double theta, string activation)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var headDim = reader.Size("head_dim", 256);
        var (queries, keys) = (reader.Size("num_attention_heads", heads), reader.Size("num_key_value_heads", keyValueHeads));
        reader.CheckGroups(queries, keys);
        reader.CheckRotary(headDim);
        var longest = reader.Size("max_position_embeddings", positions);
        var depth = reader.Size("num_hidden_layers", layers);
        var frequency = RopeScaling.Theta(reader, theta);
        return new GemmaConfig
        {
            ModelType = modelType,
            HiddenSize = reader.Size("hidden_size", width),
            NumHiddenLayers = depth,
            NumAttentionHeads = queries,
            NumKeyValueHeads = keys,
            HeadDim = headDim,
            VocabSize = reader.Size("vocab_size", vocabulary),
            MaxPositionEmbeddings = longest,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = 0,
            BosTokenId = 2,
            EosTokenIds = [1],
            IntermediateSize = reader.Size("intermediate_size", inner),
            Activation = Activations.Check(reader.String(activation) ?? "gelu_pytorch_tanh", reader, activation),
            RmsNormEps = reader.Number("rms_norm_eps", 1e-6),
            RopeTheta = frequency,
            RopeLocalTheta = frequency,
            RopeScaling = RopeScaling.Read(reader, longest),
            AttentionBias = reader.Flag("attention_bias", false),
            QueryScalar = reader.Number("query_pre_attn_scalar", 256),
            Windows = [.. Enumerable.Repeat(0, depth)],
        };
    }

    /// <summary>Windows where <c>layer_types</c> says so, without it in all but every n-th layer.</summary>
    private static IReadOnlyList<int> WindowsOf(ConfigReader reader, GemmaConfig config, int every)
    {
        var window = reader.Int("sliding_window", 4096);
        var kinds = reader.Strings("layer_types");
        if (kinds is not null && kinds.Count != config.NumHiddenLayers)
            throw new PeftException($"{reader.Path}: field 'layer_types' names {kinds.Count} layers, the model has {config.NumHiddenLayers}.");
        return [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => (kinds is null ? (i + 1) % every != 0 : kinds[i] == "sliding_attention") ? window : 0)];
    }
}

/// <summary>
/// Gemma: embeddings times √C, norms stored as w − 1, a gate with tanh-GELU, a head width of its own; from 2 on norms on both sides, soft
/// caps and windows; in 3 normalised queries and keys and two rotary bases. Parameter names are those of Hugging Face's
/// <c>GemmaForCausalLM</c>.
/// </summary>
public sealed class Gemma : CausalLanguageModel
{
    private readonly GemmaConfig config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;
    private readonly RotaryEmbedding localRotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public Gemma(GemmaConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_tokens", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.RmsNorm(config.Root + "norm", config.HiddenSize, config.RmsNormEps, unitOffset: true);
        Head = TakeHead(weights, config.HiddenSize);
        rotary = new RotaryEmbedding(config.HeadDim, config.RopeTheta, config.RopeScaling, DType, Device);
        localRotary = config.ModelType == "gemma3_text"
            ? new RotaryEmbedding(config.HeadDim, config.RopeLocalTheta, RopeScaling.None, DType, Device)
            : rotary;
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}layers.{layer}.self_attn";

    /// <inheritdoc />
    protected override Tensor Embed(Tensor ids, DecoderCall call) =>
        EmbedTokens(ids, call.Length) * tensor(Math.Sqrt(config.HiddenSize), dtype: DType, device: Device); // the factor is rounded as the reference's is

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var attended = Attend(index, layer.InputNorm.Forward(h), call);
        if (!config.Sandwich)
        {
            h = h + attended;
            return h + FeedForward(layer, layer.PostAttentionNorm.Forward(h));
        }

        h = h + layer.PostAttentionNorm.Forward(attended);
        return h + layer.PostFeedForwardNorm!.Forward(FeedForward(layer, layer.PreFeedForwardNorm!.Forward(h)));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override Tensor Score(LinearSite head, Tensor hidden)
    {
        var scores = base.Score(head, hidden);
        return config.Task == ModelTask.CausalLm && config.FinalSoftCap > 0 ? (scores / config.FinalSoftCap).tanh() * config.FinalSoftCap : scores;
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        localRotary.Dispose();
        base.Dispose(disposing);
    }

    private Tensor FeedForward(Block layer, Tensor x) => layer.Down.Forward(Activations.Of(config.Activation)(layer.Gate.Forward(x)) * layer.Up.Forward(x));

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var window = config.Windows[index];
        var (cos, sin) = call.Angles(window > 0 ? localRotary : rotary);
        var q = call.Split(layer.Query.Forward(x), config.NumAttentionHeads);
        var k = call.Split(layer.Key.Forward(x), config.NumKeyValueHeads);
        if (config.HeadNorm)
            (q, k) = (layer.QueryNorm!.Forward(q), layer.KeyNorm!.Forward(k));
        q = RotaryEmbedding.Rotate(q, cos, sin).transpose(1, 2);
        k = RotaryEmbedding.Rotate(k, cos, sin).transpose(1, 2);
        var v = call.Split(layer.Value.Forward(x), config.NumKeyValueHeads).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, v, call.Mask(window), Math.Pow(config.QueryScalar, -0.5), config.AttentionSoftCap));
    }

    private sealed class Block
    {
        public Block(GemmaConfig config, WeightSource weights, string root)
        {
            LinearSite Projection(string name, int input, int output) => weights.Linear($"{root}self_attn.{name}", input, output, config.AttentionBias);
            RmsNorm Norm(string name, int width) => weights.RmsNorm(root + name, width, config.RmsNormEps, unitOffset: true);
            Query = Projection("q_proj", config.HiddenSize, config.QueryWidth);
            Key = Projection("k_proj", config.HiddenSize, config.KeyWidth);
            Value = Projection("v_proj", config.HiddenSize, config.KeyWidth);
            Output = Projection("o_proj", config.QueryWidth, config.HiddenSize);
            QueryNorm = config.HeadNorm ? Norm("self_attn.q_norm", config.HeadDim) : null;
            KeyNorm = config.HeadNorm ? Norm("self_attn.k_norm", config.HeadDim) : null;
            Gate = weights.Linear(root + "mlp.gate_proj", config.HiddenSize, config.IntermediateSize, bias: false);
            Up = weights.Linear(root + "mlp.up_proj", config.HiddenSize, config.IntermediateSize, bias: false);
            Down = weights.Linear(root + "mlp.down_proj", config.IntermediateSize, config.HiddenSize, bias: false);
            InputNorm = Norm("input_layernorm", config.HiddenSize);
            PostAttentionNorm = Norm("post_attention_layernorm", config.HiddenSize);
            PreFeedForwardNorm = config.Sandwich ? Norm("pre_feedforward_layernorm", config.HiddenSize) : null;
            PostFeedForwardNorm = config.Sandwich ? Norm("post_feedforward_layernorm", config.HiddenSize) : null;
        }

        public LinearSite Query { get; }

        public LinearSite Key { get; }

        public LinearSite Value { get; }

        public LinearSite Output { get; }

        public RmsNorm? QueryNorm { get; }

        public RmsNorm? KeyNorm { get; }

        public LinearSite Gate { get; }

        public LinearSite Up { get; }

        public LinearSite Down { get; }

        public RmsNorm InputNorm { get; }

        public RmsNorm PostAttentionNorm { get; }

        public RmsNorm? PreFeedForwardNorm { get; }

        public RmsNorm? PostFeedForwardNorm { get; }
    }
}
