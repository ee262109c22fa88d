using Peft.Core.Models.Blocks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of CPM-Bee, of the authors' repository or of the hub; an absent field takes the value of the 10B model.</summary>
public sealed record CpmBeeConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Buckets of distances.</summary>
    public required int Buckets { get; init; }

    /// <summary>Buckets of relations between segments.</summary>
    public required int SegmentBuckets { get; init; }

    /// <summary>Distances from here on share a bucket.</summary>
    public required int MaxDistance { get; init; }

    /// <summary>How far apart numbered tokens of one group are turned.</summary>
    public required double DistanceScale { get; init; }

    /// <summary>What stands in front of module paths: the hub's files have a prefix, the authors' have none.</summary>
    public required string ModuleRoot { get; init; }

    /// <inheritdoc />
    public override bool CanPack => false;

    /// <inheritdoc />
    public override string BasePrefix => "cpmbee";

    /// <summary>Reads the format of the authors' repository.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static CpmBeeConfig Read(ConfigReader reader) => Read(reader, "cpm_bee", "", ("dim_model", "num_heads", "num_layers"));

    /// <summary>Reads the format of <c>openbmb/cpm-bee-10b</c> on the hub.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static CpmBeeConfig ReadHub(ConfigReader reader) => Read(reader, "cpmbee", "cpmbee.", ("hidden_size", "num_attention_heads", "num_hidden_layers"));

    private static CpmBeeConfig Read(ConfigReader reader, string modelType, string root, (string Width, string Heads, string Layers) names)
    {
        ArgumentNullException.ThrowIfNull(reader);
        if (reader.Has("mask_modules") && !reader.IsNull("mask_modules"))
            throw new PeftException($"{reader.Path}: field 'mask_modules' is set; pruned CPM-Bee models are not computed.");
        var heads = reader.Size(names.Heads, 32);
        var width = reader.Size(names.Width, 4096);
        reader.CheckRotary(width);
        return new CpmBeeConfig
        {
            ModelType = modelType,
            HiddenSize = width,
            NumHiddenLayers = reader.Size(names.Layers, 48),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = reader.Size("dim_head", 128),
            VocabSize = reader.Size("vocab_size", 86583),
            MaxPositionEmbeddings = reader.Size("position_bias_max_distance", 2048),
            TieWordEmbeddings = true,
            PadTokenId = CpmBeeVocabularyIds.Pad,
            BosTokenId = CpmBeeVocabularyIds.Start,
            EosTokenIds = [CpmBeeVocabularyIds.End],
            FeedForwardSize = reader.Size("dim_ff", 10240),
            Epsilon = reader.Number("eps", 1e-6),
            Buckets = reader.Size("position_bias_num_buckets", 256),
            SegmentBuckets = reader.Size("position_bias_num_segment_buckets", 256),
            MaxDistance = reader.Size("position_bias_max_distance", 2048),
            DistanceScale = reader.Number("distance_scale", 16),
            ModuleRoot = root,
        };
    }
}

/// <summary>
/// CPM-Bee: a text is a tree of segments, of which some are given and see one another wholly, and others are answers that look back. Scores
/// get a learned bias per distance (within a segment) or per relation of segments; numbered special tokens are told apart by turning their
/// embedding; every linear layer divides by the root of its input width, adapters included. Plain token ids are read as one answer.
/// Parameter names are those of the authors' code. https://github.com/OpenBMB/CPM-Bee.
/// </summary>
public sealed class CpmBee : CausalLanguageModel
{
    private const double ResidualDivisor = 1.05;

    private readonly CpmBeeConfig config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly ModelParameter bias;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public CpmBee(CpmBeeConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.ModuleRoot + "input_embedding", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.ModuleRoot}encoder.layers.{i}."))];
        norm = weights.RmsNorm(config.ModuleRoot + "encoder.output_layernorm", config.HiddenSize, config.Epsilon);
        bias = weights.Take(config.ModuleRoot + "position_bias.relative_attention_bias", config.Buckets + config.SegmentBuckets, config.NumAttentionHeads);
        Head = TakeHead(weights, config.HiddenSize);
        rotary = new RotaryEmbedding(config.HiddenSize, 10000, RopeScaling.None, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <summary>Hidden states of the new tokens of a text [B, T, C], behind the final norm.</summary>
    /// <param name="text">All tokens, those in the cache too.</param>
    /// <param name="cache">Keys and values of earlier tokens; extended by this call.</param>
    public Tensor Hidden(CpmBeeText text, KeyValueCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        using var scope = NewDisposeScope();
        var past = cache is null ? 0 : (int)(cache.Length - cache.PrefixLength);
        var ids = text.Rows.SelectMany(row => row.Places.Skip(past).Select(place => place.Id)).ToArray();
        return Run(tensor(ids, text.Rows.Count, text.Length - past, device: Device), null, cache, null, text).MoveToOuterDisposeScope();
    }

    /// <summary>Scores in fp32 [..., V + E] for hidden states [..., C]: of the vocabulary, and of the numbered tokens of a table.</summary>
    public Tensor Logits(Tensor hidden, IReadOnlyList<CpmBeeNumbered> table)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(table);
        var known = Logits(hidden);
        if (table.Count == 0)
            return known;
        using var scope = NewDisposeScope();
        var extra = Numbered(tensor(table.Select(entry => entry.Id).ToArray(), device: Device), [.. table.Select(entry => entry.Sub)]);
        return cat([known, F.linear(hidden, extra).to(ScalarType.Float32)], -1).MoveToOuterDisposeScope();
    }

    /// <summary>Cross-entropy in fp32 of labels [B, T], each predicted at its own place: −100 carries none, V + e is entry e of the table.</summary>
    public Tensor Loss(CpmBeeText text, Tensor labels, IReadOnlyList<CpmBeeNumbered> table)
    {
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        var logits = Logits(Hidden(text), table);
        return F.cross_entropy(logits.view(-1, logits.shape[2]), labels.reshape(-1).to(Device), ignore_index: CausalLoss.Ignored).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.ModuleRoot}encoder.layers.{layer}.self_att.self_attention";

    /// <inheritdoc />
    protected override Tensor Embed(Tensor ids, DecoderCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        return call.Layout is CpmBeeText text
            ? Numbered(ids, [.. text.Rows.SelectMany(row => row.Places.Skip((int)call.Past).Select(place => place.Sub))])
            : Numbered(ids, []);
    }

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = (h + Attend(index, layer.AttentionNorm.Forward(h), call)) / ResidualDivisor;
        var x = layer.FeedForwardNorm.Forward(h);
        return (h + Linear(layer.Down, F.gelu(Linear(layer.Gate, x)) * Linear(layer.Up, x))) / ResidualDivisor;
    }

    /// <inheritdoc />
    protected override Tensor Final(Tensor h) => norm.Forward(h);

    /// <inheritdoc />
    protected override Tensor Score(LinearSite head, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(head);
        ArgumentNullException.ThrowIfNull(hidden);
        return config.Task == ModelTask.CausalLm ? head.Forward(hidden / Math.Sqrt(config.HiddenSize)) : head.Forward(hidden);
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private static Tensor Linear(LinearSite site, Tensor x) => site.Forward(x) / Math.Sqrt(x.shape[^1]);

    /// <summary>Embeddings [N, C] of ids, turned by their numbers within their groups; no numbers means 0 everywhere.</summary>
    private Tensor Numbered(Tensor ids, long[] numbers)
    {
        var embedded = Embedding.Forward(ids) / Math.Sqrt(config.HiddenSize);
        if (numbers.All(number => number == 0))
            return embedded;
        var turns = numbers.Select(number => (long)(number * config.DistanceScale)).ToArray();
        var (cos, sin) = rotary.At(tensor(turns, device: Device), turns.Max() + 1); // [N, 1, C/2]
        return RotaryEmbedding.Rotate(embedded.unsqueeze(1).unsqueeze(0), cos.unsqueeze(0), sin.unsqueeze(0)).view(numbers.Length, config.HiddenSize);
    }

    private Tensor Attend(int index, Tensor x, DecoderCall call)
    {
        var layer = layers[index];
        Tensor Heads(LinearSite site) => call.Split(Linear(site, x), config.NumAttentionHeads).transpose(1, 2); // [B, H, T, D]
        var mask = call.Layout is CpmBeeText text
            ? new AttentionMask(call.Once("cpm-bee", () => StructuredBias(text, call)), Causal: false, HasBlindRows: true)
            : call.Biased("cpm-bee", () => Scores(PlainBuckets(call), 1, call));
        return Linear(layer.Output, call.Attend(index, Heads(layer.Query), Heads(layer.Key), Heads(layer.Value), mask));
    }

    private Tensor StructuredBias(CpmBeeText text, DecoderCall call)
    {
        var (buckets, hidden) = text.Relations((int)call.Past, config.Buckets, config.MaxDistance);
        var blocked = tensor(hidden, call.Batch, 1, call.Length, call.Past + call.Length, device: Device);
        if (call.VirtualTokens > 0)
            blocked = cat([zeros([call.Batch, 1, call.Length, call.VirtualTokens], ScalarType.Bool, Device), blocked], -1);
        return Scores(buckets, call.Batch, call).masked_fill(blocked, AttentionMask.Blocked(DType));
    }

    /// <summary>Learned scores [rows, H, T, S] of buckets; virtual tokens get none.</summary>
    private Tensor Scores(long[] buckets, long rows, DecoderCall call)
    {
        var scores = bias.Computing.index_select(0, tensor(buckets, device: Device)).view(rows, call.Length, call.Past + call.Length, config.NumAttentionHeads).permute(0, 3, 1, 2);
        return call.VirtualTokens == 0
            ? scores
            : cat([zeros([rows, config.NumAttentionHeads, call.Length, call.VirtualTokens], DType, Device), scores], -1);
    }

    private long[] PlainBuckets(DecoderCall call)
    {
        var keys = call.Past + call.Length;
        var buckets = new long[call.Length * keys];
        for (var t = 0L; t < call.Length; t++)
        {
            for (var s = 0L; s < keys; s++)
                buckets[(t * keys) + s] = RelativeDistanceBias.Bucket(s - (call.Past + t), config.Buckets, config.MaxDistance, bothSides: true);
        }

        return buckets;
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(CpmBeeConfig config, WeightSource weights, string root)
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
