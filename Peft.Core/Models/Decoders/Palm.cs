using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of PaLM's published shape. No checkpoint or config of PaLM is public: fields and defaults (8B) are this program's.</summary>
public sealed record PalmConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEps { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Factor on the logits; the paper's is C^−½.</summary>
    public required double LogitScale { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static PalmConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("hidden_size", 4096);
        var headDim = reader.Size("head_dim", 256);
        reader.CheckRotary(headDim);
        return new PalmConfig
        {
            ModelType = "palm",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = reader.Size("num_attention_heads", 16),
            NumKeyValueHeads = 1,
            HeadDim = headDim,
            VocabSize = reader.Size("vocab_size", 256000),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            IntermediateSize = reader.Size("intermediate_size", 4 * width),
            LayerNormEps = reader.Number("layer_norm_eps", 1e-6),
            RopeTheta = reader.Number("rope_theta", 10000),
            LogitScale = reader.Number("logit_scale", Math.Pow(width, -0.5)),
        };
    }
}

/// <summary>
/// PaLM: attention with one key and value head beside a gated feed-forward, behind one norm without bias; no biases anywhere; the tied
/// head's scores are scaled. https://arxiv.org/abs/2204.02311.
/// </summary>
public sealed class Palm : CausalLanguageModel
{
    private readonly PalmConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public Palm(PalmConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding("word_embeddings", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"layers.{i}."))];
        norm = weights.LayerNorm("norm", config.HiddenSize, config.LayerNormEps, bias: false);
        Head = TakeHead(weights, config.HiddenSize);
        rotary = new RotaryEmbedding(config.HeadDim, config.RopeTheta, RopeScaling.None, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"layers.{layer}";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.Norm.Forward(h);
        var forward = layer.Down.Forward(F.silu(layer.Gate.Forward(x)) * layer.Up.Forward(x));
        return h + Attend(index, x, call) + forward;
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override Tensor Score(LinearSite head, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(head);
        return config.Task == ModelTask.CausalLm ? head.Forward(hidden) * config.LogitScale : head.Forward(hidden);
    }

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
        Tensor Heads(LinearSite site, int heads) => site.Forward(x).view(call.Batch, call.Length, heads, config.HeadDim);
        var q = RotaryEmbedding.Rotate(Heads(layer.Query, config.NumAttentionHeads), cos, sin).transpose(1, 2);
        var k = RotaryEmbedding.Rotate(Heads(layer.Key, 1), cos, sin).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, Heads(layer.Value, 1).transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(PalmConfig config, WeightSource weights, string root)
    {
        public LayerNorm Norm { get; } = weights.LayerNorm(root + "norm", config.HiddenSize, config.LayerNormEps, bias: false);

        public LinearSite Query { get; } = weights.Linear(root + "q_proj", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite Key { get; } = weights.Linear(root + "k_proj", config.HiddenSize, config.HeadDim, bias: false);

        public LinearSite Value { get; } = weights.Linear(root + "v_proj", config.HiddenSize, config.HeadDim, bias: false);

        public LinearSite Output { get; } = weights.Linear(root + "o_proj", config.QueryWidth, config.HiddenSize, bias: false);

        public LinearSite Gate { get; } = weights.Linear(root + "gate_proj", config.HiddenSize, config.IntermediateSize, bias: false);

        public LinearSite Up { get; } = weights.Linear(root + "up_proj", config.HiddenSize, config.IntermediateSize, bias: false);

        public LinearSite Down { get; } = weights.Linear(root + "down_proj", config.IntermediateSize, config.HiddenSize, bias: false);
    }
}
