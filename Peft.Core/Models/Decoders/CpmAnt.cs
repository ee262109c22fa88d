using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of CPM-Ant; an absent field takes the default of Hugging Face's <c>CpmAntConfig</c>.</summary>
public sealed record CpmAntConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Learned tokens in front of every text.</summary>
    public required int PromptLength { get; init; }

    /// <summary>Kinds of such tokens.</summary>
    public required int PromptTypes { get; init; }

    /// <summary>Kinds of segments.</summary>
    public required int SegmentTypes { get; init; }

    /// <summary>Buckets of distances.</summary>
    public required int Buckets { get; init; }

    /// <summary>Distances from here on share a bucket.</summary>
    public required int MaxDistance { get; init; }

    /// <summary>Rows of the embedding: ids and learned tokens.</summary>
    public int EmbeddingRows => VocabSize + (PromptTypes * PromptLength);

    /// <inheritdoc />
    public override bool LooksAhead => true;

    /// <inheritdoc />
    public override string BasePrefix => "cpmant";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static CpmAntConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var heads = reader.Size("num_attention_heads", 32);
        var (types, length) = (reader.Size("prompt_types", 32), reader.Size("prompt_length", 32));
        var config = new CpmAntConfig
        {
            ModelType = "cpmant",
            HiddenSize = reader.Size("hidden_size", 4096),
            NumHiddenLayers = reader.Size("num_hidden_layers", 48),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = reader.Size("dim_head", 128),
            VocabSize = reader.Size("vocab_size", 30720),
            MaxPositionEmbeddings = reader.Size("position_bias_max_distance", 2048),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = 0,
            FeedForwardSize = reader.Size("dim_ff", 10240),
            Epsilon = reader.Number("eps", 1e-6),
            PromptLength = length,
            PromptTypes = types,
            SegmentTypes = reader.Size("segment_types", 32),
            Buckets = reader.Size("position_bias_num_buckets", 512),
            MaxDistance = reader.Size("position_bias_max_distance", 2048),
        };
        return config.SegmentTypes > CpmAnt.TextSegment && types > CpmAnt.PromptType ? config
            : throw new PeftException($"{reader.Path}: segment_types ({config.SegmentTypes}) and prompt_types ({types}) must be at least {CpmAnt.TextSegment + 1}.");
    }
}

/// <summary>
/// CPM-Ant: learned tokens stand in front of the text, every token sees every other, and scores get a learned bias per distance (within the
/// text) or per pair of segments (text and learned tokens). Parameter names are those of Hugging Face's <c>CpmAntForCausalLM</c>.
/// https://github.com/OpenBMB/CPM-Live.
/// </summary>
public sealed class CpmAnt : CausalLanguageModel
{
    /// <summary>The segment that text is in; learned tokens are in 0.</summary>
    internal const int TextSegment = 2;

    /// <summary>The kind of learned tokens that stand in front of text.</summary>
    internal const int PromptType = 2;

    private readonly CpmAntConfig config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly EmbeddingSite segments;
    private readonly ModelParameter bias;

    /// <summary>Builds the model from its config and weights.</summary>
    public CpmAnt(CpmAntConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "input_embedding", config.EmbeddingRows, config.HiddenSize);
        segments = weights.Embedding(config.Root + "segment_embedding", config.SegmentTypes, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}encoder.layers.{i}."))];
        norm = weights.RmsNorm(config.Root + "encoder.output_layernorm", config.HiddenSize, config.Epsilon);
        bias = weights.Take(config.Root + "position_bias.relative_attention_bias", (config.SegmentTypes * config.SegmentTypes) + config.Buckets, config.NumAttentionHeads);
        Head = config.Task == ModelTask.CausalLm && !config.TieWordEmbeddings
            ? weights.HeadLinear("lm_head", config.HiddenSize, config.EmbeddingRows, bias: false)
            : TakeHead(weights, config.HiddenSize);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <summary>As in any decoder; what is no text is found by the mask or, without one, by id 0. The learned tokens are not returned.</summary>
    /// <exception cref="ArgumentException">A cache or positions: tokens see those behind them, so nothing can be kept.</exception>
    public override Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, KeyValueCache? cache = null, Tensor? positions = null)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        if (cache is not null)
            throw new ArgumentException("Tokens of this architecture see those behind them: nothing can be kept from one step to the next.", nameof(cache));
        using var scope = NewDisposeScope();
        var (batch, length, front) = (inputIds.shape[0], inputIds.shape[1], config.PromptLength);
        var learned = arange(config.VocabSize + (PromptType * front), config.VocabSize + ((PromptType + 1) * front), ScalarType.Int64, Device).expand(batch, front);
        var real = (attentionMask?.to(Device) ?? inputIds.to(Device)).ne(0).to(ScalarType.Int64);
        var hidden = Run(cat([learned, inputIds.to(Device)], 1), cat([ones([batch, front], ScalarType.Int64, Device), real], 1), null, null);
        return hidden.narrow(1, front, length).contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}encoder.layers.{layer}.self_att.self_attention";

    /// <inheritdoc />
    protected override Tensor Embed(Tensor ids, DecoderCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        return EmbedTokens(ids, call.Length) + segments.Forward(Segments(call).view(-1));
    }

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = h + Attend(index, layer.AttentionNorm.Forward(h), call);
        var x = layer.FeedForwardNorm.Forward(h);
        return h + layer.Down.Forward(F.gelu(layer.Gate.Forward(x)) * layer.Up.Forward(x));
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        Tensor Heads(LinearSite site) => call.Split(site.Forward(x), config.NumAttentionHeads).transpose(1, 2); // [B, H, T, D]
        var mask = new AttentionMask(call.Once("cpm-ant-bias", () => Bias(call)), Causal: false, HasBlindRows: true);
        return layer.Output.Forward(call.Attend(index, Heads(layer.Query), Heads(layer.Key), Heads(layer.Value), mask));
    }

    /// <summary>The segment of every token [B, T]: learned tokens and padding in 0.</summary>
    private Tensor Segments(DecoderCall call) => call.Once("cpm-ant-segments", () =>
    {
        var segment = call.Padding! * TextSegment;
        return cat([zeros([call.Batch, config.PromptLength], ScalarType.Int64, Device), segment.narrow(1, config.PromptLength, call.Length - config.PromptLength)], 1);
    });

    /// <summary>Scores to add, and who sees whom: real tokens see real tokens. [B, H, T, S].</summary>
    private Tensor Bias(DecoderCall call)
    {
        var (length, virtuals) = (call.Length, call.VirtualTokens);
        var distances = new long[length * length];
        for (var q = 0L; q < length; q++)
        {
            for (var k = 0L; k < length; k++)
                distances[(q * length) + k] = RelativeDistanceBias.Bucket(k - q, config.Buckets, config.MaxDistance, bothSides: true);
        }

        var segment = Segments(call);
        var (query, key) = (segment.unsqueeze(2), segment.unsqueeze(1));
        var pairs = (query * config.SegmentTypes) + key + config.Buckets; // [B, T, T]
        var buckets = where(query.eq(key), tensor(distances, 1, length, length, device: Device), pairs);
        var scores = bias.Computing.index_select(0, buckets.reshape(-1)).view(call.Batch, length, length, config.NumAttentionHeads).permute(0, 3, 1, 2);
        var real = call.Padding!.ne(0);
        var hidden = real.unsqueeze(1).logical_and(real.unsqueeze(2)).logical_not().unsqueeze(1); // [B, 1, T, T]
        scores = scores.masked_fill(hidden, AttentionMask.Blocked(DType));
        return virtuals == 0 ? scores : cat([zeros([call.Batch, config.NumAttentionHeads, length, virtuals], DType, Device), scores], -1);
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(CpmAntConfig config, WeightSource weights, string root)
    {
        public RmsNorm AttentionNorm { get; } = weights.RmsNorm(root + "self_att.layernorm_before_attention", config.HiddenSize, config.Epsilon);

        public LinearSite Query { get; } = weights.Linear(root + "self_att.self_attention.project_q", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite Key { get; } = weights.Linear(root + "self_att.self_attention.project_k", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite Value { get; } = weights.Linear(root + "self_att.self_attention.project_v", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite Output { get; } = weights.Linear(root + "self_att.self_attention.attention_out", config.QueryWidth, config.HiddenSize, bias: false);

        public RmsNorm FeedForwardNorm { get; } = weights.RmsNorm(root + "ffn.layernorm_before_ffn", config.HiddenSize, config.Epsilon);

        public LinearSite Gate { get; } = weights.Linear(root + "ffn.ffn.w_in.w_0", config.HiddenSize, config.FeedForwardSize, bias: false);

        public LinearSite Up { get; } = weights.Linear(root + "ffn.ffn.w_in.w_1", config.HiddenSize, config.FeedForwardSize, bias: false);

        public LinearSite Down { get; } = weights.Linear(root + "ffn.ffn.w_out", config.FeedForwardSize, config.HiddenSize, bias: false);
    }
}
