using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of GPTBigCode (StarCoder, SantaCoder); an absent field takes the default of Hugging Face's <c>GPTBigCodeConfig</c>.</summary>
public sealed record GptBigCodeConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int InnerSize { get; init; }

    /// <summary>Whether all query heads share one key and one value head.</summary>
    public required bool MultiQuery { get; init; }

    /// <summary>Whether scores are divided by √D.</summary>
    public required bool ScaleAttnWeights { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static GptBigCodeConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("n_embd", 768);
        var heads = reader.Size("n_head", 12);
        reader.CheckHeads(width, heads);
        var multiQuery = reader.Flag("multi_query", true);
        return new GptBigCodeConfig
        {
            ModelType = "gpt_bigcode",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("n_layer", 12),
            NumAttentionHeads = heads,
            NumKeyValueHeads = multiQuery ? 1 : heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50257),
            MaxPositionEmbeddings = reader.Size("n_positions", 1024),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            BosTokenId = 50256,
            EosTokenIds = [50256],
            InnerSize = reader.Size("n_inner", 4 * width),
            MultiQuery = multiQuery,
            ScaleAttnWeights = reader.Flag("scale_attn_weights", true),
            Activation = Activations.Check(reader.String("activation_function") ?? "gelu_pytorch_tanh", reader, "activation_function"),
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
        };
    }
}

/// <summary>
/// GPTBigCode: GPT-2 with ordinary linear layers, in which all query heads may share one key and one value head. Parameter names are those
/// of Hugging Face's <c>GPTBigCodeForCausalLM</c>. https://arxiv.org/abs/2301.03988, https://arxiv.org/abs/2305.06161.
/// </summary>
public sealed class GptBigCode : CausalLanguageModel
{
    private readonly GptBigCodeConfig config;
    private readonly EmbeddingSite positions;
    private readonly Block[] layers;
    private readonly LayerNorm norm;

    /// <summary>Builds the model from its config and weights.</summary>
    public GptBigCode(GptBigCodeConfig config, WeightSource weights)
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
        h = h + Attend(index, layer.AttentionNorm.Forward(h), call);
        return h + layer.Down.Forward(Activations.Of(config.Activation)(layer.Up.Forward(layer.MlpNorm.Forward(h))));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var fused = layer.QueryKeyValue.Forward(x);
        Tensor[] parts = config.MultiQuery
            ? fused.view(call.Batch, call.Length, -1).split([config.HiddenSize, config.HeadDim, config.HeadDim], -1)
            : fused.view(call.Batch, call.Length, config.NumAttentionHeads, 3 * config.HeadDim).chunk(3, -1);
        Tensor Heads(Tensor part, int heads) => part.reshape(call.Batch, call.Length, heads, config.HeadDim).transpose(1, 2);
        return layer.Output.Forward(call.Attend(
            index,
            Heads(parts[0], config.NumAttentionHeads),
            Heads(parts[1], config.NumKeyValueHeads),
            Heads(parts[2], config.NumKeyValueHeads),
            scale: config.ScaleAttnWeights ? null : 1));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(GptBigCodeConfig config, WeightSource weights, string root)
    {
        public LayerNorm AttentionNorm { get; } = weights.LayerNorm(root + "ln_1", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite QueryKeyValue { get; } = weights.Linear(root + "attn.c_attn", config.HiddenSize, config.QueryWidth + (2 * config.KeyWidth), bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "attn.c_proj", config.HiddenSize, config.HiddenSize, bias: true);

        public LayerNorm MlpNorm { get; } = weights.LayerNorm(root + "ln_2", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.c_fc", config.HiddenSize, config.InnerSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.c_proj", config.InnerSize, config.HiddenSize, bias: true);
    }
}
