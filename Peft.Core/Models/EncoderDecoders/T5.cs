using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.EncoderDecoders;

/// <summary>Config of T5 and mT5; an absent field takes the default of Hugging Face's <c>T5Config</c> or <c>MT5Config</c>.</summary>
public sealed record T5Config : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Layers of the decoder.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>Buckets of relative distances.</summary>
    public required int Buckets { get; init; }

    /// <summary>Distances beyond this share the last bucket.</summary>
    public required int MaxDistance { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Activation of the feed-forward layer.</summary>
    public required string Activation { get; init; }

    /// <summary>Whether the activation gates a second projection.</summary>
    public required bool IsGated { get; init; }

    /// <summary>The id that the decoder starts with.</summary>
    public required int DecoderStartTokenId { get; init; }

    /// <inheritdoc />
    public override int NumDecoderLayers => DecoderLayers;

    /// <inheritdoc />
    public override bool StaysPrecise(string path) => path.EndsWith(".wo", StringComparison.Ordinal);

    /// <inheritdoc />
    public override string BasePrefix => "transformer";

    /// <summary>Reads the fields of a <c>config.json</c> of T5.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static T5Config Read(ConfigReader reader) => Read(reader, "t5", vocabulary: 32128, feedForward: "relu", tied: true, layers: 6, heads: 8, inner: 2048);

    /// <summary>Reads the fields of a <c>config.json</c> of mT5.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static T5Config ReadMultilingual(ConfigReader reader) =>
        Read(reader, "mt5", vocabulary: 250112, feedForward: "gated-gelu", tied: false, layers: 8, heads: 6, inner: 1024);

    /// <inheritdoc />
    public override IEnumerable<string> OtherNames(string name)
    {
        // The table shared by both sides is written under any of three names.
        if (name == "shared.weight")
            return ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];
        return [];
    }

    private static T5Config Read(ConfigReader reader, string modelType, int vocabulary, string feedForward, bool tied, int layers, int heads, int inner)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var projection = reader.String("feed_forward_proj") ?? feedForward;
        var gated = projection.StartsWith("gated-", StringComparison.Ordinal);
        var activation = projection == "gated-gelu" ? "gelu_new" : gated ? projection["gated-".Length..] : projection;
        var depth = reader.Size("num_layers", layers);
        var count = reader.Size("num_heads", heads);
        return new T5Config
        {
            ModelType = modelType,
            HiddenSize = reader.Size("d_model", 512),
            NumHiddenLayers = depth,
            DecoderLayers = reader.Size("num_decoder_layers", depth),
            NumAttentionHeads = count,
            NumKeyValueHeads = count,
            HeadDim = reader.Size("d_kv", 64),
            VocabSize = reader.Size("vocab_size", vocabulary),
            MaxPositionEmbeddings = reader.Size("n_positions", 512),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", tied),
            PadTokenId = 0,
            EosTokenIds = [1],
            FeedForwardSize = reader.Size("d_ff", inner),
            Buckets = reader.Size("relative_attention_num_buckets", 32),
            MaxDistance = reader.Size("relative_attention_max_distance", 128),
            LayerNormEpsilon = reader.Number("layer_norm_epsilon", 1e-6),
            Activation = Activations.Check(activation, reader, "feed_forward_proj"),
            IsGated = gated,
            DecoderStartTokenId = reader.Int("decoder_start_token_id", 0),
        };
    }
}

/// <summary>
/// T5 and mT5: scores carry a learned bias by relative distance (one table per side, shared by its layers) and are not divided by √D; norms
/// without mean and bias stand in front; no biases anywhere. With a tied head, hidden states are multiplied by C^−½ before it. Parameter
/// names are those of Hugging Face's <c>T5ForConditionalGeneration</c>. https://arxiv.org/abs/1910.10683, https://arxiv.org/abs/2010.11934.
/// </summary>
public sealed class T5 : EncoderDecoderModel
{
    private readonly T5Config config;
    private readonly Stack encoder;
    private readonly Stack decoder;

    /// <summary>Builds the model from its config and weights.</summary>
    public T5(T5Config config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding("shared", config.VocabSize, config.HiddenSize);
        encoder = new Stack(config, weights, "encoder.", config.NumHiddenLayers, decodes: false);
        decoder = new Stack(config, weights, "decoder.", config.DecoderLayers, decodes: true);
        Head = config.TieWordEmbeddings
            ? new LinearSite("lm_head", Embedding.WeightParameter, null)
            : weights.HeadLinear("lm_head", config.HiddenSize, config.VocabSize, bias: false);
        Attentions = [.. Enumerable.Range(0, config.DecoderLayers).Select(i => new AttentionSite($"decoder.block.{i}.layer.0.SelfAttention", i))];
    }

    /// <inheritdoc />
    public override int DecoderStartTokenId => config.DecoderStartTokenId;

    /// <inheritdoc />
    public override IReadOnlyList<AttentionSite> Attentions { get; }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    public override Tensor Encode(Tensor inputIds, Tensor? attentionMask)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        using var scope = NewDisposeScope();
        (inputIds, attentionMask) = BehindPrompt(inputIds, attentionMask);
        var (batch, length) = (inputIds.shape[0], inputIds.shape[1]);
        var distance = encoder.Table.Bias(length, 0, length, DType); // [1, H, S, S]
        var mask = Shared(AttentionMask.OfPadding(attentionMask, DType, Device).Plus(distance));
        var h = EmbedTokens(inputIds.view(-1), length); // [B*S, C]
        foreach (var block in encoder.Blocks)
        {
            h = RunLayer(h, x => FeedForward(block, block.AfterOwn.Join(x, Attend(block.Own, block.OwnNorm.Forward(x), batch, mask))));
        }

        return encoder.Norm.Forward(h).view(batch, length, -1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public override Tensor Decode(Tensor decoderIds, Tensor encoded, Tensor? attentionMask, Seq2SeqCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(decoderIds);
        ArgumentNullException.ThrowIfNull(encoded);
        using var scope = NewDisposeScope();
        decoderIds = BehindDecoderPrompt(decoderIds, cache);
        var call = new OutputCall(this, decoderIds, cache);
        var (batch, length) = (call.Batch, call.Length);
        var distance = decoder.Table.Bias(length, call.Past, call.Keys, DType);
        var own = Shared(AttentionMask.Build(null, length, call.Past, 0, DType, Device).Filled(length, call.Keys, DType, Device).Plus(distance));
        var cross = Shared(AttentionMask.OfPadding(MaskBehindPrompt(attentionMask), DType, Device));
        var source = encoded.reshape(-1, encoded.shape[2]); // [B*S, C]
        var h = EmbedTokens(decoderIds.view(-1), length);
        foreach (var (block, i) in decoder.Blocks.Select((b, i) => (b, i)))
        {
            h = RunLayer(h, source, (x, input) =>
            {
                var y = block.AfterOwn.Join(x, Attend(block.Own, block.OwnNorm.Forward(x), batch, own, call, i));
                y = y + AttendInput(block.Cross!, block.CrossNorm!.Forward(y), input, batch, cross, cache, i);
                return FeedForward(block, y);
            });
        }

        call.End();
        return decoder.Norm.Forward(h).view(batch, length, -1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    protected override Tensor Score(Tensor hidden) =>
        Head!.Forward(config.TieWordEmbeddings ? hidden * Math.Pow(config.HiddenSize, -0.5) : hidden);

    private Tensor Attend(Projections p, Tensor x, long batch, AttentionMask mask, OutputCall? call = null, int layer = 0)
    {
        var (k, v) = (Split(p.Key.Forward(x), batch), Split(p.Value.Forward(x), batch));
        if (call is not null)
            (k, v) = call.All(layer, k, v);
        return p.Output.Forward(Attention.Compute(Split(p.Query.Forward(x), batch), k, v, mask, Arithmetic, scale: 1));
    }

    private Tensor AttendInput(Projections p, Tensor x, Tensor source, long batch, AttentionMask mask, Seq2SeqCache? cache, int layer)
    {
        (Tensor Keys, Tensor Values) Make() => (Split(p.Key.Forward(source), batch), Split(p.Value.Forward(source), batch));
        var (k, v) = cache is null ? Make() : cache.Input(layer, Make);
        return p.Output.Forward(Attention.Compute(Split(p.Query.Forward(x), batch), k, v, mask, Arithmetic, scale: 1));
    }

    private Tensor FeedForward(Block block, Tensor h)
    {
        var x = block.FeedForwardNorm.Forward(h);
        var activated = Activations.Of(config.Activation)(block.Up.Forward(x));
        return block.AfterFeedForward.Join(h, block.Down.Forward(block.Gated is { } gated ? activated * gated.Forward(x) : activated));
    }

    /// <summary>[B·T, H·D] → [B, H, T, D].</summary>
    private Tensor Split(Tensor x, long batch) => x.view(batch, -1, config.NumAttentionHeads, config.HeadDim).transpose(1, 2);

    private sealed class Stack
    {
        public Stack(T5Config config, WeightSource weights, string root, int layers, bool decodes)
        {
            RelativeDistanceBias? table = null;
            Blocks = [.. Enumerable.Range(0, layers).Select(i => new Block(config, weights, $"{root}block.{i}.layer.", decodes, path =>
            {
                if (i == 0)
                    table = new RelativeDistanceBias(weights.Embedding(path, config.Buckets, config.NumAttentionHeads), config.Buckets, config.MaxDistance, bothSides: !decodes);
            }))];
            Table = table!;
            Norm = weights.RmsNorm(root + "final_layer_norm", config.HiddenSize, config.LayerNormEpsilon);
        }

        public Block[] Blocks { get; }

        public RelativeDistanceBias Table { get; }

        public RmsNorm Norm { get; }
    }

    private sealed class Block
    {
        public Block(T5Config config, WeightSource weights, string root, bool decodes, Action<string> takeTable)
        {
            Own = new Projections(config, weights, root + "0.SelfAttention.");
            takeTable(root + "0.SelfAttention.relative_attention_bias");
            OwnNorm = weights.RmsNorm(root + "0.layer_norm", config.HiddenSize, config.LayerNormEpsilon);
            AfterOwn = weights.Sublayer(root + "0", SublayerKind.Attention);
            if (decodes)
            {
                Cross = new Projections(config, weights, root + "1.EncDecAttention.");
                CrossNorm = weights.RmsNorm(root + "1.layer_norm", config.HiddenSize, config.LayerNormEpsilon);
            }

            var last = root + (decodes ? "2." : "1.");
            LinearSite Wide(string name) => weights.Linear($"{last}DenseReluDense.{name}", config.HiddenSize, config.FeedForwardSize, bias: false);
            Up = Wide(config.IsGated ? "wi_0" : "wi");
            Gated = config.IsGated ? Wide("wi_1") : null;
            Down = weights.Linear(last + "DenseReluDense.wo", config.FeedForwardSize, config.HiddenSize, bias: false);
            FeedForwardNorm = weights.RmsNorm(last + "layer_norm", config.HiddenSize, config.LayerNormEpsilon);
            AfterFeedForward = weights.Sublayer(last[..^1], SublayerKind.FeedForward);
        }

        public Projections Own { get; }

        public RmsNorm OwnNorm { get; }

        public SublayerSite AfterOwn { get; }

        public Projections? Cross { get; }

        public RmsNorm? CrossNorm { get; }

        public LinearSite Up { get; }

        public LinearSite? Gated { get; }

        public LinearSite Down { get; }

        public RmsNorm FeedForwardNorm { get; }

        public SublayerSite AfterFeedForward { get; }
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Projections(T5Config config, WeightSource weights, string root)
    {
        public LinearSite Query { get; } = weights.Linear(root + "q", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite Key { get; } = weights.Linear(root + "k", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite Value { get; } = weights.Linear(root + "v", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite Output { get; } = weights.Linear(root + "o", config.QueryWidth, config.HiddenSize, bias: false);
    }
}
