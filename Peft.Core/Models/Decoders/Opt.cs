using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of OPT; an absent field takes the default of Hugging Face's <c>OPTConfig</c>.</summary>
public sealed record OptConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int FfnDim { get; init; }

    /// <summary>Width of the embeddings; projected where it is not the layers' width.</summary>
    public required int WordEmbedProjDim { get; init; }

    /// <summary>Whether norms stand in front of attention and feed-forward rather than behind (350M).</summary>
    public required bool DoLayerNormBefore { get; init; }

    /// <summary>Whether there is no final norm although norms stand in front.</summary>
    public required bool RemoveFinalLayerNorm { get; init; }

    /// <summary>Whether linear layers have biases.</summary>
    public required bool EnableBias { get; init; }

    /// <summary>Whether norms have weights.</summary>
    public required bool ElementwiseAffine { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static OptConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 768);
        var heads = reader.Size("num_attention_heads", 12);
        reader.CheckHeads(width, heads);
        return new OptConfig
        {
            ModelType = "opt",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 12),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50272),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = 1,
            BosTokenId = 2,
            EosTokenIds = [2],
            FfnDim = reader.Size("ffn_dim", 3072),
            WordEmbedProjDim = reader.Size("word_embed_proj_dim", width),
            DoLayerNormBefore = reader.Flag("do_layer_norm_before", true),
            RemoveFinalLayerNorm = reader.Flag("_remove_final_layer_norm", false),
            EnableBias = reader.Flag("enable_bias", true),
            ElementwiseAffine = reader.Flag("layer_norm_elementwise_affine", true),
            Activation = Activations.Check(reader.String("activation_function") ?? "relu", reader, "activation_function"),
        };
    }
}

/// <summary>
/// OPT: learned positions that count real tokens only, two rows later than counted. Parameter names are those of Hugging Face's
/// <c>OPTForCausalLM</c>. https://arxiv.org/abs/2205.01068.
/// </summary>
public sealed class Opt : CausalLanguageModel
{
    /// <summary>Rows of the position table in front of position 0.</summary>
    private const int Offset = 2;

    private const double Epsilon = 1e-5;

    private readonly OptConfig config;
    private readonly EmbeddingSite positions;
    private readonly LinearSite? projectIn;
    private readonly LinearSite? projectOut;
    private readonly LayerNorm? norm;
    private readonly Block[] layers;

    /// <summary>Builds the model from its config and weights.</summary>
    public Opt(OptConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        var root = config.Root + "decoder.";
        weights.Embedding(root + "embed_tokens", config.VocabSize, config.WordEmbedProjDim);
        positions = weights.Embedding(root + "embed_positions", config.MaxPositionEmbeddings + Offset, config.HiddenSize);
        if (config.WordEmbedProjDim != config.HiddenSize)
        {
            projectOut = weights.Linear(root + "project_out", config.HiddenSize, config.WordEmbedProjDim, bias: false);
            projectIn = weights.Linear(root + "project_in", config.WordEmbedProjDim, config.HiddenSize, bias: false);
        }

        norm = config.DoLayerNormBefore && !config.RemoveFinalLayerNorm ? Norm(config, weights, root + "final_layer_norm") : null;
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{root}layers.{i}."))];
        Head = TakeHead(weights, config.WordEmbedProjDim);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}decoder.layers.{layer}.self_attn";

    /// <inheritdoc />
    protected override Tensor Embed(Tensor ids, DecoderCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var words = EmbedTokens(ids, call.Length);
        return AddPositions(projectIn is null ? words : projectIn.Forward(words), positions, call.CountedPositions() + Offset, call);
    }

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        if (config.DoLayerNormBefore)
        {
            h = h + Attend(index, layer.AttentionNorm.Forward(h), call);
            return h + FeedForward(layer, layer.FinalNorm.Forward(h));
        }

        h = layer.AttentionNorm.Forward(h + Attend(index, h, call));
        return layer.FinalNorm.Forward(h + FeedForward(layer, h));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h)
    {
        h = norm is null ? h : norm.Forward(h);
        return projectOut is null ? h : projectOut.Forward(h);
    }

    private static LayerNorm Norm(OptConfig config, WeightSource weights, string path) =>
        weights.LayerNorm(path, config.HiddenSize, Epsilon, bias: config.ElementwiseAffine, weight: config.ElementwiseAffine);

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        Tensor Heads(LinearSite site) => site.Forward(x).view(call.Batch, call.Length, config.NumAttentionHeads, config.HeadDim).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, Heads(layer.Query), Heads(layer.Key), Heads(layer.Value)));
    }

    private Tensor FeedForward(Block layer, Tensor x) => layer.Down.Forward(Activations.Of(config.Activation)(layer.Up.Forward(x)));

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(OptConfig config, WeightSource weights, string root)
    {
        public LinearSite Key { get; } = weights.Linear(root + "self_attn.k_proj", config.HiddenSize, config.HiddenSize, config.EnableBias);

        public LinearSite Value { get; } = weights.Linear(root + "self_attn.v_proj", config.HiddenSize, config.HiddenSize, config.EnableBias);

        public LinearSite Query { get; } = weights.Linear(root + "self_attn.q_proj", config.HiddenSize, config.HiddenSize, config.EnableBias);

        public LinearSite Output { get; } = weights.Linear(root + "self_attn.out_proj", config.HiddenSize, config.HiddenSize, config.EnableBias);

        public LayerNorm AttentionNorm { get; } = Norm(config, weights, root + "self_attn_layer_norm");

        public LinearSite Up { get; } = weights.Linear(root + "fc1", config.HiddenSize, config.FfnDim, config.EnableBias);

        public LinearSite Down { get; } = weights.Linear(root + "fc2", config.FfnDim, config.HiddenSize, config.EnableBias);

        public LayerNorm FinalNorm { get; } = Norm(config, weights, root + "final_layer_norm");
    }
}
