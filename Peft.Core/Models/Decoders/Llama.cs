using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of Llama and of those that differ from it by options only; see <see cref="LlamaFamily"/> for what each has.</summary>
public sealed record LlamaConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Activation of the gate.</summary>
    public required string HiddenAct { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether q, k and v have biases.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>Whether o has one.</summary>
    public required bool OutputBias { get; init; }

    /// <summary>Whether gate, up and down have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Norms over the width of a head on queries and keys: none, in front of the rotation, or behind it.</summary>
    public HeadNorm HeadNorm { get; init; }

    /// <summary>Names of those norms.</summary>
    public (string Query, string Key) HeadNormNames { get; init; } = ("q_norm", "k_norm");

    /// <summary>Whether neighbouring dimensions rotate together.</summary>
    public bool Interleaved { get; init; }

    /// <summary>How far a token of each layer looks back, itself counted; 0 is to the start. Empty means 0 everywhere.</summary>
    public IReadOnlyList<int> Windows { get; init; } = [];

    /// <summary>Which layers rotate. Empty means all.</summary>
    public IReadOnlyList<bool> Rotates { get; init; } = [];

    /// <summary>Feed-forward layers to choose from; 0 means one without choice.</summary>
    public int Experts { get; init; }

    /// <summary>How many of them compute a token.</summary>
    public int ChosenExperts { get; init; }

    /// <summary>Factor on the embeddings.</summary>
    public double EmbeddingMultiplier { get; init; } = 1;

    /// <summary>Factor on what attention and feed-forward add to the residual stream.</summary>
    public double ResidualMultiplier { get; init; } = 1;

    /// <summary>Factor on the scores; null is 1/√D.</summary>
    public double? AttentionMultiplier { get; init; }

    /// <summary>Logits are divided by this.</summary>
    public double LogitsScaling { get; init; } = 1;

    /// <inheritdoc />
    public override string BasePrefix => "model";
}

/// <summary>Where queries and keys are normalised per head.</summary>
public enum HeadNorm
{
    /// <summary>Nowhere.</summary>
    None,

    /// <summary>In front of the rotation (Qwen3).</summary>
    BeforeRotation,

    /// <summary>Behind the rotation (Hunyuan).</summary>
    AfterRotation,
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
    protected override Tensor Embed(Tensor ids, DecoderCall call) => Scaled(EmbedTokens(ids, call.Length), config.EmbeddingMultiplier);

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = layer.AfterAttention.Join(h, Scaled(Attend(index, layer.InputNorm.Forward(h), call), config.ResidualMultiplier));
        var x = layer.PostAttentionNorm.Forward(h);
        return layer.AfterFeedForward.Join(h, Scaled(layer.Experts?.Forward(x) ?? FeedForward(layer, x), config.ResidualMultiplier));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override Tensor Score(LinearSite head, Tensor hidden) =>
        config.Task == ModelTask.CausalLm ? Scaled(base.Score(head, hidden), 1 / config.LogitsScaling) : base.Score(head, hidden);

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private Tensor FeedForward(Block layer, Tensor x)
    {
        using var scope = NewDisposeScope();
        return layer.Down!.Forward(Activations.Of(config.HiddenAct)(layer.Gate!.Forward(x)) * layer.Up!.Forward(x)).MoveToOuterDisposeScope();
    }

    private static Tensor Scaled(Tensor x, double factor) => factor == 1 ? x : x * factor;

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        var q = Turned(index, layer.Query.Forward(x).view(call.Batch, call.Length, config.NumAttentionHeads, config.HeadDim), layer.QueryNorm, call);
        var k = Turned(index, layer.Key.Forward(x).view(call.Batch, call.Length, config.NumKeyValueHeads, config.HeadDim), layer.KeyNorm, call);
        var v = layer.Value.Forward(x).view(call.Batch, call.Length, config.NumKeyValueHeads, config.HeadDim).transpose(1, 2); // [B, Hkv, T, D]
        var mask = config.Windows.Count > index ? call.Mask(config.Windows[index]) : call.Mask();
        var output = layer.Output.Forward(call.Attend(index, q, k, v, mask, config.AttentionMultiplier));
        return Attentions[index].Adapter is { } beside ? output + layer.Output.Forward(beside.Forward(q)) : output;
    }

    /// <summary>Normalised and rotated as the config says: [B, T, H, D] → [B, H, T, D].</summary>
    private Tensor Turned(int index, Tensor x, RmsNorm? headNorm, DecoderCall call)
    {
        if (config.HeadNorm == HeadNorm.BeforeRotation)
            x = headNorm!.Forward(x);
        if (config.Rotates.Count == 0 || config.Rotates[index])
        {
            var (cos, sin) = call.Angles(rotary);
            x = RotaryEmbedding.Rotate(x, cos, sin, config.Interleaved);
        }

        if (config.HeadNorm == HeadNorm.AfterRotation)
            x = headNorm!.Forward(x);
        return x.transpose(1, 2);
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(LlamaConfig config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "self_attn.q_proj", config.HiddenSize, config.QueryWidth, config.QkvBias);

        public LinearSite Key { get; } = weights.Linear(root + "self_attn.k_proj", config.HiddenSize, config.KeyWidth, config.QkvBias);

        public LinearSite Value { get; } = weights.Linear(root + "self_attn.v_proj", config.HiddenSize, config.KeyWidth, config.QkvBias);

        public LinearSite Output { get; } = weights.Linear(root + "self_attn.o_proj", config.QueryWidth, config.HiddenSize, config.OutputBias);

        public RmsNorm? QueryNorm { get; } =
            config.HeadNorm == HeadNorm.None ? null : weights.RmsNorm($"{root}self_attn.{config.HeadNormNames.Query}", config.HeadDim, config.RmsNormEps);

        public RmsNorm? KeyNorm { get; } =
            config.HeadNorm == HeadNorm.None ? null : weights.RmsNorm($"{root}self_attn.{config.HeadNormNames.Key}", config.HeadDim, config.RmsNormEps);

        public MixtureOfExperts? Experts { get; } = config.Experts == 0
            ? null
            : new MixtureOfExperts(weights, root + "block_sparse_moe.", config.HiddenSize, config.IntermediateSize, config.Experts, config.ChosenExperts);

        public LinearSite? Gate { get; } =
            config.Experts > 0 ? null : weights.Linear(root + "mlp.gate_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias);

        public LinearSite? Up { get; } =
            config.Experts > 0 ? null : weights.Linear(root + "mlp.up_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias);

        public LinearSite? Down { get; } =
            config.Experts > 0 ? null : weights.Linear(root + "mlp.down_proj", config.IntermediateSize, config.HiddenSize, config.MlpBias);

        public SublayerSite AfterAttention { get; } = weights.Sublayer(root + "attention_adapters", SublayerKind.Attention);

        public SublayerSite AfterFeedForward { get; } = weights.Sublayer(root + "output_adapters", SublayerKind.FeedForward);

        public RmsNorm InputNorm { get; } = weights.RmsNorm(root + "input_layernorm", config.HiddenSize, config.RmsNormEps);

        public RmsNorm PostAttentionNorm { get; } = weights.RmsNorm(root + "post_attention_layernorm", config.HiddenSize, config.RmsNormEps);
    }
}
