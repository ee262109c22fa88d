using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of CodeGen, CodeGen2 and MOSS; an absent field takes the default of the authors' config class.</summary>
public sealed record CodeGenConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int InnerSize { get; init; }

    /// <summary>Dimensions of a head that rotate.</summary>
    public required int RotaryDim { get; init; }

    /// <summary>Parts in which the matrix of queries, values and keys lies, from the machines it was trained on.</summary>
    public required int ModelParallel { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c> of CodeGen or CodeGen2.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static CodeGenConfig Read(ConfigReader reader) => Read(reader, "codegen", vocabulary: 50400, layers: 28, heads: 16, bos: 1, eos: 50256);

    /// <summary>Reads the fields of a <c>config.json</c> of MOSS.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static CodeGenConfig ReadMoss(ConfigReader reader) => Read(reader, "moss", vocabulary: 107008, layers: 28, heads: 16, bos: 106028, eos: 106068);

    private static CodeGenConfig Read(ConfigReader reader, string modelType, int vocabulary, int layers, int heads, int bos, int eos)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("n_embd", 4096);
        var count = reader.Size("n_head", heads);
        reader.CheckHeads(width, count);
        var rotary = reader.Has("rotary_dim") && reader.IsNull("rotary_dim") ? width / count : reader.Size("rotary_dim", 64);
        reader.CheckRotary(rotary);

        // CodeGen2 keeps the number of parts in its code: 8 in the sizes that name a head_dim of 128 or 256, else 4.
        var parts = reader.Size("mp_num", reader.Int("head_dim", 0) is 128 or 256 ? 8 : 4);
        if (count % parts != 0)
            throw new PeftException($"{reader.Path}: n_head ({count}) is no multiple of the {parts} parts in which qkv_proj lies.");
        return new CodeGenConfig
        {
            ModelType = modelType,
            HiddenSize = width,
            NumHiddenLayers = reader.Size("n_layer", layers),
            NumAttentionHeads = count,
            NumKeyValueHeads = count,
            HeadDim = width / count,
            VocabSize = reader.Size("vocab_size", vocabulary),
            MaxPositionEmbeddings = reader.Size("n_positions", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            BosTokenId = bos,
            EosTokenIds = [eos],
            InnerSize = reader.Size("n_inner", 4 * width),
            RotaryDim = rotary,
            ModelParallel = parts,
            Activation = Activations.Check(reader.String("activation_function") ?? "gelu_new", reader, "activation_function"),
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-5),
        };
    }
}

/// <summary>
/// CodeGen, CodeGen2 and MOSS: attention and feed-forward side by side behind one norm; neighbouring dimensions rotate together, in part of
/// each head; the fused matrix lies in parts, each with its queries, values and keys in that order. Parameter names are those of Hugging
/// Face's <c>CodeGenForCausalLM</c>. https://arxiv.org/abs/2203.13474, https://arxiv.org/abs/2305.02309, https://github.com/OpenMOSS/MOSS.
/// </summary>
public sealed class CodeGen : CausalLanguageModel
{
    private readonly CodeGenConfig config;
    private readonly Block[] layers;
    private readonly LayerNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public CodeGen(CodeGenConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "wte", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}h.{i}."))];
        norm = weights.LayerNorm(config.Root + "ln_f", config.HiddenSize, config.LayerNormEpsilon);
        Head = TakeHead(weights, config.HiddenSize, bias: true);
        rotary = new RotaryEmbedding(config.RotaryDim, 10000, RopeScaling.None, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}h.{layer}.attn";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var x = layer.Norm.Forward(h);
        var forward = layer.Down.Forward(Activations.Of(config.Activation)(layer.Up.Forward(x)));
        return Attend(index, x, call) + forward + h;
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
        var parts = layer.QueryKeyValue.Forward(x).view(call.Batch, call.Length, config.ModelParallel, -1).chunk(3, -1); // q, v, k
        Tensor Heads(Tensor part) => part.reshape(call.Batch, call.Length, config.NumAttentionHeads, config.HeadDim);
        var q = RotaryEmbedding.Rotate(Heads(parts[0]), cos, sin, interleaved: true).transpose(1, 2);
        var k = RotaryEmbedding.Rotate(Heads(parts[2]), cos, sin, interleaved: true).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, Heads(parts[1]).transpose(1, 2)));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(CodeGenConfig config, WeightSource weights, string root)
    {
        public LayerNorm Norm { get; } = weights.LayerNorm(root + "ln_1", config.HiddenSize, config.LayerNormEpsilon);

        public LinearSite QueryKeyValue { get; } = weights.Linear(root + "attn.qkv_proj", config.HiddenSize, 3 * config.HiddenSize, bias: false);

        public LinearSite Output { get; } = weights.Linear(root + "attn.out_proj", config.HiddenSize, config.HiddenSize, bias: false);

        public LinearSite Up { get; } = weights.Linear(root + "mlp.fc_in", config.HiddenSize, config.InnerSize, bias: true);

        public LinearSite Down { get; } = weights.Linear(root + "mlp.fc_out", config.InnerSize, config.HiddenSize, bias: true);
    }
}
