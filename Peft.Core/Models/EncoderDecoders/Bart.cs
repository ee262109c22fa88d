using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models.EncoderDecoders;

/// <summary>Config of BART; an absent field takes the default of Hugging Face's <c>BartConfig</c>.</summary>
public sealed record BartConfig : ModelConfig
{
    /// <summary>Layers of the decoder.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>Heads of the encoder's attentions; the decoder's are <see cref="ModelConfig.NumAttentionHeads"/>.</summary>
    public required int EncoderHeads { get; init; }

    /// <summary>Width of the encoder's feed-forward layer.</summary>
    public required int EncoderFeedForwardSize { get; init; }

    /// <summary>Width of the decoder's feed-forward layer.</summary>
    public required int DecoderFeedForwardSize { get; init; }

    /// <summary>Activation of the feed-forward layers.</summary>
    public required string Activation { get; init; }

    /// <summary>Whether token embeddings are multiplied by √C.</summary>
    public required bool ScaleEmbedding { get; init; }

    /// <summary>The id that the decoder starts with.</summary>
    public required int DecoderStartTokenId { get; init; }

    /// <inheritdoc />
    public override int NumDecoderLayers => DecoderLayers;

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static BartConfig Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var width = reader.Size("d_model", 1024);
        var heads = reader.Size("decoder_attention_heads", 16);
        var encoderHeads = reader.Size("encoder_attention_heads", 16);
        reader.CheckHeads(width, heads);
        reader.CheckHeads(width, encoderHeads);
        return new BartConfig
        {
            ModelType = "bart",
            HiddenSize = width,
            NumHiddenLayers = reader.Size("encoder_layers", 12),
            DecoderLayers = reader.Size("decoder_layers", 12),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            EncoderHeads = encoderHeads,
            HeadDim = width / heads,
            VocabSize = reader.Size("vocab_size", 50265),
            MaxPositionEmbeddings = reader.Size("max_position_embeddings", 1024),
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", true),
            PadTokenId = 1,
            BosTokenId = 0,
            EosTokenIds = [2],
            EncoderFeedForwardSize = reader.Size("encoder_ffn_dim", 4096),
            DecoderFeedForwardSize = reader.Size("decoder_ffn_dim", 4096),
            Activation = Activations.Check(reader.String("activation_function") ?? "gelu", reader, "activation_function"),
            ScaleEmbedding = reader.Flag("scale_embedding", false),
            DecoderStartTokenId = reader.Int("decoder_start_token_id", 2),
        };
    }

    /// <inheritdoc />
    public override IEnumerable<string> OtherNames(string name) =>
        name == "model.shared.weight" ? ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"] : [];
}

/// <summary>
/// BART: learned positions (two rows later than counted), layer norms behind attention and feed-forward, biases everywhere. Parameter names
/// are those of Hugging Face's <c>BartForConditionalGeneration</c>. https://arxiv.org/abs/1910.13461.
/// </summary>
public sealed class Bart : EncoderDecoderModel
{
    /// <summary>Rows of the position table in front of position 0.</summary>
    private const int Offset = 2;

    private const double Epsilon = 1e-5;

    private readonly BartConfig config;
    private readonly Stack encoder;
    private readonly Stack decoder;
    private readonly ModelParameter? finalBias;

    /// <summary>Builds the model from its config and weights.</summary>
    public Bart(BartConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding("model.shared", config.VocabSize, config.HiddenSize);
        encoder = new Stack(config, weights, "model.encoder.", decodes: false);
        decoder = new Stack(config, weights, "model.decoder.", decodes: true);
        finalBias = weights.Buffer("final_logits_bias", 1, config.VocabSize);
        Head = config.TieWordEmbeddings
            ? new LinearSite("lm_head", Embedding.WeightParameter, null)
            : weights.HeadLinear("lm_head", config.HiddenSize, config.VocabSize, bias: false);
        Attentions = [.. Enumerable.Range(0, config.DecoderLayers).Select(i => new AttentionSite($"model.decoder.layers.{i}.self_attn", i))];
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
        var mask = Shared(AttentionMask.OfPadding(attentionMask, DType, Device));
        var h = Embed(encoder, inputIds, 0);
        foreach (var block in encoder.Blocks)
        {
            h = RunLayer(h, x => FeedForward(block, block.OwnNorm.Forward(x + Attend(block.Own, x, x, batch, config.EncoderHeads, mask))));
        }

        return h.view(batch, length, -1).MoveToOuterDisposeScope();
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
        var own = Shared(AttentionMask.Build(null, length, call.Past, 0, DType, Device));
        var cross = Shared(AttentionMask.OfPadding(MaskBehindPrompt(attentionMask), DType, Device));
        var source = encoded.reshape(-1, encoded.shape[2]);
        var h = Embed(decoder, decoderIds, call.Past);
        foreach (var (block, i) in decoder.Blocks.Select((b, i) => (b, i)))
        {
            h = RunLayer(h, source, (x, input) =>
            {
                var y = block.OwnNorm.Forward(x + Attend(block.Own, x, x, batch, config.NumAttentionHeads, own, (k, v) => call.All(i, k(), v())));
                y = block.CrossNorm!.Forward(y + Attend(
                    block.Cross!, y, input, batch, config.NumAttentionHeads, cross, (k, v) => cache is null ? (k(), v()) : cache.Input(i, () => (k(), v()))));
                return FeedForward(block, y);
            });
        }

        call.End();
        return h.view(batch, length, -1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    protected override Tensor Score(Tensor hidden)
    {
        var scores = Head!.Forward(hidden);
        return finalBias is null ? scores : scores + finalBias.Computing;
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        finalBias?.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Embed(Stack stack, Tensor ids, long past)
    {
        var (batch, length) = (ids.shape[0], ids.shape[1]);
        var words = EmbedTokens(ids.reshape(-1), length).view(batch, length, -1);
        if (config.ScaleEmbedding)
            words = words * Math.Sqrt(config.HiddenSize);
        var positions = stack.Positions.Forward(arange(past + Offset, past + Offset + length, ScalarType.Int64, Device));
        return stack.Norm.Forward(words + positions).view(batch * length, -1);
    }

    private Tensor Attend(
        Projections p, Tensor x, Tensor source, long batch, int heads, AttentionMask mask, Func<Func<Tensor>, Func<Tensor>, (Tensor, Tensor)>? remember = null)
    {
        Tensor Split(Tensor y) => y.view(batch, -1, heads, config.HiddenSize / heads).transpose(1, 2); // [B, H, T, D]
        Tensor Keys() => Split(p.Key.Forward(source));
        Tensor Values() => Split(p.Value.Forward(source));
        var (k, v) = remember is null ? (Keys(), Values()) : remember(Keys, Values);
        return p.Output.Forward(Attention.Compute(Split(p.Query.Forward(x)), k, v, mask, Arithmetic));
    }

    private Tensor FeedForward(Block block, Tensor h) =>
        block.FinalNorm.Forward(h + block.Down.Forward(Activations.Of(config.Activation)(block.Up.Forward(h))));

    private sealed class Stack(BartConfig config, WeightSource weights, string root, bool decodes)
    {
        public EmbeddingSite Positions { get; } = weights.Embedding(root + "embed_positions", config.MaxPositionEmbeddings + Offset, config.HiddenSize);

        public Block[] Blocks { get; } =
            [.. Enumerable.Range(0, decodes ? config.DecoderLayers : config.NumHiddenLayers).Select(i => new Block(config, weights, $"{root}layers.{i}.", decodes))];

        public LayerNorm Norm { get; } = weights.LayerNorm(root + "layernorm_embedding", config.HiddenSize, Epsilon);
    }

    private sealed class Block
    {
        public Block(BartConfig config, WeightSource weights, string root, bool decodes)
        {
            LayerNorm Norm(string name) => weights.LayerNorm(root + name, config.HiddenSize, Epsilon);
            Own = new Projections(config, weights, root + "self_attn.");
            OwnNorm = Norm("self_attn_layer_norm");
            if (decodes)
            {
                Cross = new Projections(config, weights, root + "encoder_attn.");
                CrossNorm = Norm("encoder_attn_layer_norm");
            }

            var inner = decodes ? config.DecoderFeedForwardSize : config.EncoderFeedForwardSize;
            Up = weights.Linear(root + "fc1", config.HiddenSize, inner, bias: true);
            Down = weights.Linear(root + "fc2", inner, config.HiddenSize, bias: true);
            FinalNorm = Norm("final_layer_norm");
        }

        public Projections Own { get; }

        public LayerNorm OwnNorm { get; }

        public Projections? Cross { get; }

        public LayerNorm? CrossNorm { get; }

        public LinearSite Up { get; }

        public LinearSite Down { get; }

        public LayerNorm FinalNorm { get; }
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Projections(BartConfig config, WeightSource weights, string root)
    {
        public LinearSite Key { get; } = weights.Linear(root + "k_proj", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Value { get; } = weights.Linear(root + "v_proj", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Query { get; } = weights.Linear(root + "q_proj", config.HiddenSize, config.HiddenSize, bias: true);

        public LinearSite Output { get; } = weights.Linear(root + "out_proj", config.HiddenSize, config.HiddenSize, bias: true);
    }
}
