using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>
/// Config of the Llama-like architectures whose gate and up projections are one matrix (Phi-3, GLM, GLM-4); an absent field takes the
/// default of each one's Hugging Face config class.
/// </summary>
public sealed record FusedLlamaConfig : ModelConfig
{
    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Dimensions of a head that rotate.</summary>
    public required int RotaryDim { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Whether queries, keys and values are one matrix, too (Phi-3).</summary>
    public bool FusedQkv { get; init; }

    /// <summary>Whether q, k and v have biases.</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Whether neighbouring dimensions rotate together (GLM).</summary>
    public bool Interleaved { get; init; }

    /// <summary>Whether norms stand behind attention and feed-forward, too (GLM-4).</summary>
    public bool Sandwich { get; init; }

    /// <summary>How far a token looks back, itself counted; 0 is to the start.</summary>
    public int Window { get; init; }

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads Phi-3 and Phi-4. https://arxiv.org/abs/2404.14219</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static FusedLlamaConfig ReadPhi3(ConfigReader reader)
    {
        var config = Common(reader, "phi3", 3072, 32, 32, 0, 8192, 32064, 4096, 1e-5, partial: 1, headDim: 0);
        return config with { FusedQkv = true, Window = reader.Int("sliding_window", 0), PadTokenId = 32000, BosTokenId = 1, EosTokenIds = [32000] };
    }

    /// <summary>Reads GLM-4-9B in Hugging Face's own format. https://arxiv.org/abs/2406.12793</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static FusedLlamaConfig ReadGlm(ConfigReader reader) => Glm(reader, "glm", bias: true, sandwich: false);

    /// <summary>Reads GLM-4-0414. https://huggingface.co/THUDM/GLM-4-9B-0414</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static FusedLlamaConfig ReadGlm4(ConfigReader reader) => Glm(reader, "glm4", bias: false, sandwich: true);

    private static FusedLlamaConfig Glm(ConfigReader reader, string modelType, bool bias, bool sandwich)
    {
        var config = Common(reader, modelType, 4096, 40, 32, 2, 13696, 151552, 131072, 1.5625e-07, partial: 0.5, headDim: 128);
        return config with
        {
            AttentionBias = reader.Flag("attention_bias", bias), Interleaved = true, Sandwich = sandwich, PadTokenId = 151329, EosTokenIds = [151329, 151336, 151338],
        };
    }

    private static FusedLlamaConfig Common(
        ConfigReader reader, string modelType, int width, int layers, int heads, int keyValueHeads, int inner, int vocabulary, int positions, double epsilon, double partial, int headDim)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var hidden = reader.Size("hidden_size", width);
        var queries = reader.Size("num_attention_heads", heads);
        var keys = reader.Size("num_key_value_heads", keyValueHeads > 0 ? keyValueHeads : queries);
        var head = reader.Size("head_dim", headDim > 0 ? headDim : Math.Max(1, hidden / queries));
        var rotary = (int)(head * reader.Number("partial_rotary_factor", partial));
        reader.CheckGroups(queries, keys);
        reader.CheckRotary(rotary);
        var longest = reader.Size("max_position_embeddings", positions);
        var scaling = RopeScaling.Read(reader, longest);
        if (scaling.Type == "longrope" && (scaling.ShortFactor.Count != rotary / 2 || scaling.LongFactor.Count != rotary / 2))
            throw new PeftException($"{reader.Path}: rope_scaling needs {rotary / 2} short and long factors, one per frequency, but has {scaling.ShortFactor.Count} and {scaling.LongFactor.Count}.");
        return new FusedLlamaConfig
        {
            ModelType = modelType,
            HiddenSize = hidden,
            NumHiddenLayers = reader.Size("num_hidden_layers", layers),
            NumAttentionHeads = queries,
            NumKeyValueHeads = keys,
            HeadDim = head,
            VocabSize = reader.Size("vocab_size", vocabulary),
            MaxPositionEmbeddings = longest,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            IntermediateSize = reader.Size("intermediate_size", inner),
            RmsNormEps = reader.Number("rms_norm_eps", epsilon),
            RotaryDim = rotary,
            RopeTheta = RopeScaling.Theta(reader, 10000),
            RopeScaling = scaling,
        };
    }
}

/// <summary>
/// Phi-3, GLM and GLM-4: Llama with gate and up in one matrix, in Phi-3 also queries, keys and values. Parameter names are those of Hugging
/// Face's <c>Phi3ForCausalLM</c>, <c>GlmForCausalLM</c> and <c>Glm4ForCausalLM</c>.
/// </summary>
public sealed class FusedLlama : CausalLanguageModel
{
    private readonly FusedLlamaConfig config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public FusedLlama(FusedLlamaConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_tokens", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}."))];
        norm = weights.RmsNorm(config.Root + "norm", config.HiddenSize, config.RmsNormEps);
        Head = TakeHead(weights, config.HiddenSize);
        rotary = new RotaryEmbedding(config.RotaryDim, config.RopeTheta, config.RopeScaling, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}layers.{layer}.self_attn";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        var attended = Attend(index, layer.InputNorm.Forward(h), call);
        h = h + (layer.BehindAttention?.Forward(attended) ?? attended);
        var parts = layer.GateUp.Forward(layer.PostAttentionNorm.Forward(h)).chunk(2, -1);
        var forward = layer.Down.Forward(parts[1] * F.silu(parts[0]));
        return h + (layer.BehindMlp?.Forward(forward) ?? forward);
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
        Tensor[] parts = layer.QueryKeyValue is { } fused
            ? fused.Forward(x).split([config.QueryWidth, config.KeyWidth, config.KeyWidth], -1)
            : [layer.Query!.Forward(x), layer.Key!.Forward(x), layer.Value!.Forward(x)];
        Tensor Heads(Tensor part, int heads) => part.reshape(call.Batch, call.Length, heads, config.HeadDim);
        var q = RotaryEmbedding.Rotate(Heads(parts[0], config.NumAttentionHeads), cos, sin, config.Interleaved).transpose(1, 2);
        var k = RotaryEmbedding.Rotate(Heads(parts[1], config.NumKeyValueHeads), cos, sin, config.Interleaved).transpose(1, 2);
        var v = Heads(parts[2], config.NumKeyValueHeads).transpose(1, 2);
        return layer.Output.Forward(call.Attend(index, q, k, v, call.Mask(config.Window)));
    }

    private sealed class Block
    {
        public Block(FusedLlamaConfig config, WeightSource weights, string root)
        {
            LinearSite Linear(string name, int input, int output, bool bias = false) => weights.Linear(root + name, input, output, bias);
            RmsNorm Norm(string name) => weights.RmsNorm(root + name, config.HiddenSize, config.RmsNormEps);
            if (config.FusedQkv)
            {
                Output = Linear("self_attn.o_proj", config.QueryWidth, config.HiddenSize);
                QueryKeyValue = Linear("self_attn.qkv_proj", config.HiddenSize, config.QueryWidth + (2 * config.KeyWidth));
            }
            else
            {
                Query = Linear("self_attn.q_proj", config.HiddenSize, config.QueryWidth, config.AttentionBias);
                Key = Linear("self_attn.k_proj", config.HiddenSize, config.KeyWidth, config.AttentionBias);
                Value = Linear("self_attn.v_proj", config.HiddenSize, config.KeyWidth, config.AttentionBias);
                Output = Linear("self_attn.o_proj", config.QueryWidth, config.HiddenSize);
            }

            GateUp = Linear("mlp.gate_up_proj", config.HiddenSize, 2 * config.IntermediateSize);
            Down = Linear("mlp.down_proj", config.IntermediateSize, config.HiddenSize);
            InputNorm = Norm("input_layernorm");
            PostAttentionNorm = Norm("post_attention_layernorm");
            BehindAttention = config.Sandwich ? Norm("post_self_attn_layernorm") : null;
            BehindMlp = config.Sandwich ? Norm("post_mlp_layernorm") : null;
        }

        public LinearSite? QueryKeyValue { get; }

        public LinearSite? Query { get; }

        public LinearSite? Key { get; }

        public LinearSite? Value { get; }

        public LinearSite Output { get; }

        public LinearSite GateUp { get; }

        public LinearSite Down { get; }

        public RmsNorm InputNorm { get; }

        public RmsNorm PostAttentionNorm { get; }

        public RmsNorm? BehindAttention { get; }

        public RmsNorm? BehindMlp { get; }
    }
}
