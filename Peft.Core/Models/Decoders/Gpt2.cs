using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of GPT-2; an absent field takes the default of Hugging Face's <c>GPT2Config</c>.</summary>
public sealed record Gpt2Config : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int InnerSize { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Whether scores are divided by √D.</summary>
    public required bool ScaleAttnWeights { get; init; }

    /// <summary>Whether the scores of layer i are divided by i + 1 besides.</summary>
    public required bool ScaleAttnByInverseLayerIdx { get; init; }

    /// <summary>How far a token of each layer looks back, itself counted; 0 is to the start.</summary>
    public IReadOnlyList<int> Windows { get; init; } = [];

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static Gpt2Config Read(ConfigReader reader) => Read(reader, "gpt2");

    /// <summary>
    /// Reads the shape of GPT-3: every second layer looks back <c>window_size</c> tokens only. The paper gives no width; fields and the
    /// default of 256 are GPT-Neo's, which has the same pattern.
    /// </summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static Gpt2Config ReadGpt3(ConfigReader reader)
    {
        var config = Read(reader, "gpt3");
        var window = reader.Size("window_size", 256);
        var kinds = reader.Pattern("attention_types", config.NumHiddenLayers, ["global", "local"]);
        return config with { Windows = [.. kinds.Select(kind => kind == "local" ? window : 0)] };
    }

    private static Gpt2Config Read(ConfigReader reader, string modelType)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var hidden = reader.Size("n_embd", 768);
        var heads = reader.Size("n_head", 12);
        reader.CheckHeads(hidden, heads);
        return new Gpt2Config
        {
            ModelType = modelType,
            HiddenSize = hidden,
            NumHiddenLayers = reader.Size("n_layer", 12),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = hidden / heads,
            VocabSize = reader.Size("vocab_size", 50257),
            MaxPositionEmbeddings = reader.Size("n_positions", 1024),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            EosTokenIds = [50256],
            BosTokenId = 50256,
            InnerSize = reader.Size("n_inner", 4 * hidden),
            Activation = Activations.Check(reader.String("activation_function") ?? "gelu_new", reader, "activation_function"),
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
            ScaleAttnWeights = reader.Flag("scale_attn_weights", true),
            ScaleAttnByInverseLayerIdx = reader.Flag("scale_attn_by_inverse_layer_idx", false),
        };
    }
}

/// <summary>
/// GPT-2: learned positions, layer norms in front of attention and feed-forward, one matrix for queries, keys and values, weights stored
/// as [in, out]. Parameter names are those of Hugging Face's <c>GPT2LMHeadModel</c>. https://openai.com/research/better-language-models.
/// GPT-3 has the same shape, larger, with every second layer in windows (https://arxiv.org/abs/2005.14165).
/// </summary>
public sealed class Gpt2 : CausalLanguageModel
{
    private readonly Gpt2Config config;
    private readonly EmbeddingSite positions;
    private readonly Block[] layers;
    private readonly LayerNorm norm;

    /// <summary>Builds the model from its config and weights.</summary>
    public Gpt2(Gpt2Config config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "wte", config.VocabSize, config.HiddenSize);
        positions = weights.Embedding(config.Root + "wpe", config.MaxPositionEmbeddings, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}h.{i}."))];
        norm = weights.LayerNorm(config.Root + "ln_f", config.HiddenSize, config.LayerNormEpsilon);
        Head = TakeHead(weights, config.HiddenSize, tokenHead: "classifier");
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}h.{layer}.attn";

    /// <inheritdoc />
    protected override Tensor Embed(Tensor ids, DecoderCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        return AddPositions(EmbedTokens(ids, call.Length), positions, call.Positions(), call);
    }

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = layer.AfterAttention.Join(h, Attend(index, layer.AttentionNorm.Forward(h), call));
        return layer.AfterMlp.Join(h, layer.Down.Forward(Activations.Of(config.Activation)(layer.Up.Forward(layer.MlpNorm.Forward(h)))));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var parts = layer.QueryKeyValue.Forward(x).view(call.Batch, call.Length, 3, config.NumAttentionHeads, config.HeadDim).unbind(2);
        var scale = (config.ScaleAttnWeights ? 1 / Math.Sqrt(config.HeadDim) : 1) / (config.ScaleAttnByInverseLayerIdx ? index + 1 : 1);
        var (q, k, v) = (parts[0].transpose(1, 2), parts[1].transpose(1, 2), parts[2].transpose(1, 2)); // [B, H, T, D]
        var output = layer.Output.Forward(call.Attend(index, q, k, v, config.Windows.Count > index ? call.Mask(config.Windows[index]) : null, scale));

        // PEFT adds what stands beside the attention behind its output layer here.
        return Attentions[index].Adapter is { } beside ? output + beside.Forward(q) : output;
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(Gpt2Config config, WeightSource weights, string root)
    {
        public LayerNorm AttentionNorm { get; } = weights.LayerNorm(root + "ln_1", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite QueryKeyValue { get; } = weights.Linear(root + "attn.c_attn", config.HiddenSize, 3 * config.HiddenSize, bias: true, transposed: true);

        public LinearSite Output { get; } = weights.Linear(root + "attn.c_proj", config.HiddenSize, config.HiddenSize, bias: true, transposed: true);

        public SublayerSite AfterAttention { get; } = weights.Sublayer(root + "attention_adapters", SublayerKind.Attention);

        public LayerNorm MlpNorm { get; } = weights.LayerNorm(root + "ln_2", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.c_fc", config.HiddenSize, config.InnerSize, bias: true, transposed: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.c_proj", config.InnerSize, config.HiddenSize, bias: true, transposed: true);

        public SublayerSite AfterMlp { get; } = weights.Sublayer(root + "output_adapters", SublayerKind.FeedForward);
    }
}
