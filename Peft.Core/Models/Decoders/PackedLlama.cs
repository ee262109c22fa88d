using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>How queries, keys and values lie in one matrix.</summary>
public enum PackedLayout
{
    /// <summary>All queries, all keys, all values (Baichuan, Qwen).</summary>
    Blocks,

    /// <summary>Per key head its queries, its key, its value (InternLM2).</summary>
    Groups,
}

/// <summary>Where a packed model's modules are; the names of the authors' own code.</summary>
/// <param name="Base">Path of the base inside the model.</param>
/// <param name="Embedding">Input embedding.</param>
/// <param name="Layers">Path element in front of a layer's number.</param>
/// <param name="Fused">Queries, keys and values.</param>
/// <param name="Output">Output projection of the attention.</param>
/// <param name="Gate">Projection behind the activation.</param>
/// <param name="Up">The other one.</param>
/// <param name="Down">Projection back.</param>
/// <param name="InputNorm">Norm in front of the attention.</param>
/// <param name="PostNorm">Norm in front of the feed-forward.</param>
/// <param name="FinalNorm">Norm behind the last layer.</param>
/// <param name="Head">Language-model head.</param>
public sealed record PackedNames(
    string Base, string Embedding, string Layers, string Fused, string Output, string Gate, string Up, string Down, string InputNorm, string PostNorm, string FinalNorm, string Head);

/// <summary>
/// Config of Llama-like models by Chinese authors that fuse queries, keys and values under names of their own: Baichuan, Qwen (1) and
/// InternLM2; an absent field takes the default of the authors' config class.
/// </summary>
public sealed record PackedLlamaConfig : ModelConfig
{
    /// <summary>Names of the modules.</summary>
    public required PackedNames Names { get; init; }

    /// <summary>How the fused matrix lies.</summary>
    public required PackedLayout Layout { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public RopeScaling RopeScaling { get; init; } = RopeScaling.None;

    /// <summary>Whether ALiBi stands in for the rotation (Baichuan 13B).</summary>
    public bool Alibi { get; init; }

    /// <summary>Whether the fused matrix has a bias.</summary>
    public bool QkvBias { get; init; }

    /// <summary>Whether the other linear layers have biases.</summary>
    public bool Bias { get; init; }

    /// <summary>Whether the head's rows are brought to length 1 (Baichuan 2).</summary>
    public bool NormalisedHead { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => Names.Base;

    /// <summary>
    /// Reads Baichuan 1 and 2. The config says it only indirectly: 7B has max_position_embeddings (and rotates), 13B has model_max_length
    /// alone (and uses ALiBi); the vocabulary of 125,696 or a z_loss_weight tells version 2. https://arxiv.org/abs/2309.10305
    /// </summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static PackedLlamaConfig ReadBaichuan(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var rotates = reader.Has("max_position_embeddings");
        var second = reader.Has("z_loss_weight") || reader.Int("vocab_size", 0) == 125696;
        var config = Common(reader, "baichuan", new("model", "embed_tokens", "layers", "self_attn.W_pack", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm", "post_attention_layernorm", "norm", "lm_head"), PackedLayout.Blocks, reader.Size("vocab_size", second ? 125696 : 64000), reader.Size("intermediate_size", rotates ? 11008 : 13696));
        return config with
        {
            Alibi = !rotates,
            NormalisedHead = reader.Flag("norm_head", second),
            MaxPositionEmbeddings = reader.Size("model_max_length", reader.Size("max_position_embeddings", 4096)),
        };
    }

    /// <summary>Reads InternLM2. https://arxiv.org/abs/2403.17297</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static PackedLlamaConfig ReadInternLm2(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var bias = reader.Flag("bias", true);
        var config = Common(reader, "internlm2", new("model", "tok_embeddings", "layers", "attention.wqkv", "attention.wo", "feed_forward.w1", "feed_forward.w3", "feed_forward.w2", "attention_norm", "ffn_norm", "norm", "output"), PackedLayout.Groups, reader.Size("vocab_size", 103168), reader.Size("intermediate_size", 11008));
        var scaling = RopeScaling.Read(reader, config.MaxPositionEmbeddings);
        return config with { QkvBias = bias, Bias = bias, RopeScaling = scaling };
    }

    /// <summary>Reads the first Qwen. https://arxiv.org/abs/2309.16609</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static PackedLlamaConfig ReadQwen(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);

        // The activation stands behind w2, and each of the two projections has half of intermediate_size.
        var config = Common(reader, "qwen", new("transformer", "wte", "h", "attn.c_attn", "attn.c_proj", "mlp.w2", "mlp.w1", "mlp.c_proj", "ln_1", "ln_2", "ln_f", "lm_head"), PackedLayout.Blocks, reader.Size("vocab_size", 151936), reader.Size("intermediate_size", 22016) / 2);
        if (reader.Number("rotary_pct", 1) != 1)
            throw new PeftException($"{reader.Path}: field 'rotary_pct' must be 1; rotation of part of a head is not computed for Qwen.");
        return config with
        {
            HeadDim = reader.Size("kv_channels", 128),
            RmsNormEps = reader.Number("layer_norm_epsilon", 1e-6),
            RopeTheta = reader.Number("rotary_emb_base", 10000),
            QkvBias = true,
            Bias = !reader.Flag("no_bias", true),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", reader.Size("seq_length", 8192)),
        };
    }

    private static PackedLlamaConfig Common(ConfigReader reader, string modelType, PackedNames names, PackedLayout layout, int vocabulary, int inner)
    {
        var width = reader.Size("hidden_size", 4096);
        var heads = reader.Size("num_attention_heads", 32);
        var keyValueHeads = reader.Size("num_key_value_heads", heads);
        reader.CheckHeads(width, heads);
        reader.CheckGroups(heads, keyValueHeads);
        reader.CheckRotary(width / heads);
        return new PackedLlamaConfig
        {
            ModelType = modelType,
            Names = names,
            Layout = layout,
            HiddenSize = width,
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = heads,
            NumKeyValueHeads = keyValueHeads,
            HeadDim = width / heads,
            VocabSize = vocabulary,
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            IntermediateSize = inner,
            RmsNormEps = reader.Number("rms_norm_eps", 1e-6),
            RopeTheta = RopeScaling.Theta(reader, 10000),
        };
    }
}

/// <summary>Baichuan, Qwen (1) and InternLM2: Llama with queries, keys and values in one matrix.</summary>
public sealed class PackedLlama : CausalLanguageModel
{
    private readonly PackedLlamaConfig config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public PackedLlama(PackedLlamaConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + config.Names.Embedding, config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}{config.Names.Layers}.{i}."))];
        norm = weights.RmsNorm(config.Root + config.Names.FinalNorm, config.HiddenSize, config.RmsNormEps);
        Head = TakeHead(weights, config.HiddenSize, name: config.Names.Head);
        rotary = new RotaryEmbedding(config.HeadDim, config.RopeTheta, config.RopeScaling, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}{config.Names.Layers}.{layer}.{config.Names.Fused.Split('.')[0]}";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = h + Attend(index, layer.InputNorm.Forward(h), call);
        var x = layer.PostNorm.Forward(h);
        return h + layer.Down.Forward(F.silu(layer.Gate.Forward(x)) * layer.Up.Forward(x));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override Tensor Score(LinearSite head, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (!config.NormalisedHead || config.Task != ModelTask.CausalLm)
            return head.Forward(hidden);
        var weight = head.WeightParameter.Computing;
        var plain = F.linear(hidden, F.normalize(weight, 2, 1));
        return head.Adapter is null ? plain : plain + head.Forward(hidden) - head.Base(hidden); // an adapter adds to the normalised head
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
        var (q, k, v) = Separate(layer.Fused.Forward(x), call);
        if (config.Alibi)
        {
            var mask = call.Biased(typeof(Alibi), () => Blocks.Alibi.ByDistance(Blocks.Alibi.Slopes(config.NumAttentionHeads), call, Device));
            return layer.Output.Forward(call.Attend(index, q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask));
        }

        var (cos, sin) = call.Angles(rotary);
        q = RotaryEmbedding.Rotate(q, cos, sin).transpose(1, 2);
        k = RotaryEmbedding.Rotate(k, cos, sin).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, v.transpose(1, 2)));
    }

    /// <summary>Queries, keys and values [B, T, heads, D] out of the fused projection.</summary>
    private (Tensor Query, Tensor Key, Tensor Value) Separate(Tensor fused, DecoderCall call)
    {
        if (config.Layout == PackedLayout.Groups)
        {
            var groups = config.NumAttentionHeads / config.NumKeyValueHeads;
            var each = fused.view(call.Batch, call.Length, config.NumKeyValueHeads, groups + 2, config.HeadDim).split([groups, 1, 1], 3);
            return (each[0].reshape(call.Batch, call.Length, config.NumAttentionHeads, config.HeadDim), each[1].squeeze(3), each[2].squeeze(3));
        }

        var parts = fused.split([config.QueryWidth, config.KeyWidth, config.KeyWidth], -1);
        Tensor Heads(Tensor part, int heads) => part.reshape(call.Batch, call.Length, heads, config.HeadDim);
        return (Heads(parts[0], config.NumAttentionHeads), Heads(parts[1], config.NumKeyValueHeads), Heads(parts[2], config.NumKeyValueHeads));
    }

    private sealed class Block
    {
        public Block(PackedLlamaConfig config, WeightSource weights, string root)
        {
            var names = config.Names;
            LinearSite Linear(string name, int input, int output, bool bias) => weights.Linear(root + name, input, output, bias);
            Fused = Linear(names.Fused, config.HiddenSize, config.QueryWidth + (2 * config.KeyWidth), config.QkvBias);
            Output = Linear(names.Output, config.QueryWidth, config.HiddenSize, config.Bias);
            Gate = Linear(names.Gate, config.HiddenSize, config.IntermediateSize, bias: false);
            Up = Linear(names.Up, config.HiddenSize, config.IntermediateSize, bias: false);
            Down = Linear(names.Down, config.IntermediateSize, config.HiddenSize, bias: false);
            InputNorm = weights.RmsNorm(root + names.InputNorm, config.HiddenSize, config.RmsNormEps);
            PostNorm = weights.RmsNorm(root + names.PostNorm, config.HiddenSize, config.RmsNormEps);
        }

        public LinearSite Fused { get; }

        public LinearSite Output { get; }

        public LinearSite Gate { get; }

        public LinearSite Up { get; }

        public LinearSite Down { get; }

        public RmsNorm InputNorm { get; }

        public RmsNorm PostNorm { get; }
    }
}
