using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Decoders;

/// <summary>Config of DeepSeek-V2; an absent field takes the default of Hugging Face's <c>DeepseekV2Config</c>.</summary>
public sealed record DeepSeekV2Config : ModelConfig
{
    /// <summary>Width of a dense feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Width of an expert.</summary>
    public required int ExpertSize { get; init; }

    /// <summary>ε of the norms of the residual stream.</summary>
    public required double RmsNormEps { get; init; }

    /// <summary>Width that queries are pressed through; 0 makes them directly.</summary>
    public required int QueryRank { get; init; }

    /// <summary>Width that keys and values are pressed through together.</summary>
    public required int KeyValueRank { get; init; }

    /// <summary>Part of a head that does not rotate.</summary>
    public required int PlainHeadDim { get; init; }

    /// <summary>Part of a head that rotates; its key is one for all heads.</summary>
    public required int RotaryHeadDim { get; init; }

    /// <summary>Width of a head's values.</summary>
    public required int ValueDim { get; init; }

    /// <summary>Whether the outer projections of attention have biases.</summary>
    public required bool AttentionBias { get; init; }

    /// <summary>Whether dense feed-forward layers have biases.</summary>
    public required bool MlpBias { get; init; }

    /// <summary>Base θ of the rotary frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Stretching of the rotary frequencies.</summary>
    public required RopeScaling RopeScaling { get; init; }

    /// <summary>Factor on the scores of attention.</summary>
    public required double AttentionScale { get; init; }

    /// <summary>Layers at the start that have no experts.</summary>
    public required int DenseLayers { get; init; }

    /// <summary>Experts to choose from.</summary>
    public required int Experts { get; init; }

    /// <summary>Experts that compute every token, as one layer.</summary>
    public required int SharedExperts { get; init; }

    /// <summary>How many experts compute a token.</summary>
    public required int ChosenExperts { get; init; }

    /// <summary>Factor on what the chosen experts make.</summary>
    public required double RoutedScale { get; init; }

    /// <summary>Groups of experts, of which a few are chosen first; 1 when experts are chosen freely.</summary>
    public required int Groups { get; init; }

    /// <summary>Groups that may be chosen from.</summary>
    public required int ChosenGroups { get; init; }

    /// <inheritdoc />
    public override int ValueHeadDim => ValueDim;

    /// <inheritdoc />
    public override string BasePrefix => "model";

    /// <summary>Reads the fields of a <c>config.json</c>.</summary>
    /// <exception cref="PeftException">A value that the architecture cannot have.</exception>
    public static DeepSeekV2Config Read(ConfigReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var heads = reader.Size("num_attention_heads", 32);
        var (plain, rotary) = (reader.Size("qk_nope_head_dim", 128), reader.Size("qk_rope_head_dim", 64));
        reader.CheckRotary(rotary);
        var positions = reader.Size("max_position_embeddings", 2048);
        var method = reader.String("topk_method") ?? "greedy";
        if (method is not ("greedy" or "group_limited_greedy"))
            throw new PeftException($"{reader.Path}: field 'topk_method' is '{method}'; DeepSeek-V2 chooses experts by greedy or group_limited_greedy.");
        var (experts, chosen) = (reader.Size("n_routed_experts", 64), reader.Size("num_experts_per_tok", 6));
        var grouped = method != "greedy";
        var (groups, chosenGroups) = grouped ? (reader.Size("n_group", 1), reader.Size("topk_group", 1)) : (1, 1);
        if (experts % groups != 0 || chosenGroups > groups || chosen > experts / groups * chosenGroups)
            throw new PeftException($"{reader.Path}: {chosen} of {experts} experts cannot be chosen from {chosenGroups} of {groups} groups.");
        if (reader.Flag("norm_topk_prob", false) && chosen > 1)
            throw new PeftException($"{reader.Path}: field 'norm_topk_prob' is true; no published DeepSeek-V2 has that, and it is not computed.");
        return new DeepSeekV2Config
        {
            ModelType = "deepseek_v2",
            HiddenSize = reader.Size("hidden_size", 4096),
            NumHiddenLayers = reader.Size("num_hidden_layers", 32),
            NumAttentionHeads = heads,
            NumKeyValueHeads = heads,
            HeadDim = plain + rotary,
            VocabSize = reader.Size("vocab_size", 32000),
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = reader.Flag("tie_word_embeddings", false),
            BosTokenId = 0,
            EosTokenIds = [1],
            IntermediateSize = reader.Size("intermediate_size", 11008),
            ExpertSize = reader.Size("moe_intermediate_size", 1407),
            RmsNormEps = reader.Number("rms_norm_eps", 1e-6),
            QueryRank = reader.IsNull("q_lora_rank") ? 0 : reader.Int("q_lora_rank", 1536),
            KeyValueRank = reader.Size("kv_lora_rank", 512),
            PlainHeadDim = plain,
            RotaryHeadDim = rotary,
            ValueDim = reader.Size("v_head_dim", 128),
            AttentionBias = reader.Flag("attention_bias", false),
            MlpBias = reader.Flag("mlp_bias", false),
            RopeTheta = RopeScaling.Theta(reader, 10000),
            RopeScaling = RopeScaling.Read(reader, positions),
            AttentionScale = Scale(reader, plain + rotary),
            DenseLayers = reader.Int("first_k_dense_replace", 0),
            Experts = experts,
            SharedExperts = reader.Int("n_shared_experts", 2),
            ChosenExperts = chosen,
            RoutedScale = reader.Number("routed_scaling_factor", 1),
            Groups = groups,
            ChosenGroups = chosenGroups,
        };
    }

    /// <summary>1/√D, sharpened when the context is stretched (the authors' <c>mscale_all_dim</c>).</summary>
    private static double Scale(ConfigReader reader, int width)
    {
        var scale = 1 / Math.Sqrt(width);
        var scaling = reader.Object("rope_parameters") ?? reader.Object("rope_scaling");
        if (scaling?.NumberOrNull("mscale_all_dim") is not ({ } weight and not 0) || scaling.Number("factor", 1) is not (> 1 and var factor))
            return scale;
        var magnitude = (0.1 * weight * Math.Log(factor)) + 1;
        return scale * magnitude * magnitude;
    }
}

/// <summary>
/// DeepSeek-V2: keys and values are pressed through one narrow vector per token (multi-head latent attention), with a rotating part of the
/// key that all heads share; behind the first layers a few of many experts compute each token, beside shared ones that compute all.
/// Parameter names are those of Hugging Face's <c>DeepseekV2ForCausalLM</c>. https://arxiv.org/abs/2405.04434.
/// </summary>
public sealed class DeepSeekV2 : CausalLanguageModel
{
    /// <summary>ε of the norms inside attention, which the config does not set.</summary>
    private const double InnerEps = 1e-6;

    private readonly DeepSeekV2Config config;
    private readonly Block[] layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;

    /// <summary>Builds the model from its config and weights.</summary>
    public DeepSeekV2(DeepSeekV2Config config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        this.config = config;
        weights.Embedding(config.Root + "embed_tokens", config.VocabSize, config.HiddenSize);
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Block(config, weights, $"{config.Root}layers.{i}.", i >= config.DenseLayers))];
        norm = weights.RmsNorm(config.Root + "norm", config.HiddenSize, config.RmsNormEps);
        Head = TakeHead(weights, config.HiddenSize);
        rotary = new RotaryEmbedding(config.RotaryHeadDim, config.RopeTheta, config.RopeScaling, DType, Device);
    }

    /// <inheritdoc />
    public override LinearSite? Head { get; }

    /// <inheritdoc />
    protected override string AttentionPath(int layer) => $"{config.Root}layers.{layer}.self_attn";

    /// <inheritdoc />
    protected override Tensor Layer(int index, Tensor h, DecoderCall call)
    {
        var layer = layers[index];
        h = h + Attend(index, layer.InputNorm.Forward(h), call);
        var x = layer.PostAttentionNorm.Forward(h);
        return h + (layer.Experts?.Forward(x) ?? layer.Dense!.Forward(x));
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
        var (heads, plain, rotating) = (config.NumAttentionHeads, config.PlainHeadDim, config.RotaryHeadDim);
        var (cos, sin) = call.Angles(rotary);
        var q = call.Split(layer.Query?.Forward(x) ?? layer.QueryUp!.Forward(layer.QueryNorm!.Forward(layer.QueryDown!.Forward(x))), heads); // [B, T, H, D]
        q = cat([q.narrow(-1, 0, plain), RotaryEmbedding.Rotate(q.narrow(-1, plain, rotating), cos, sin, interleaved: true)], -1);
        var pressed = layer.KeyValueDown.Forward(x); // [B*T, R + rotating]
        var shared = RotaryEmbedding.Rotate(call.Split(pressed.narrow(-1, config.KeyValueRank, rotating), 1), cos, sin, interleaved: true); // [B, T, 1, rotating]
        var unpressed = call.Split(layer.KeyValueUp.Forward(layer.KeyValueNorm.Forward(pressed.narrow(-1, 0, config.KeyValueRank))), heads);
        var k = cat([unpressed.narrow(-1, 0, plain), shared.expand(-1, -1, heads, -1)], -1);
        var v = unpressed.narrow(-1, plain, config.ValueDim);
        return layer.Output.Forward(call.Attend(index, q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale: config.AttentionScale));
    }

    // Properties are initialised from top to bottom, which is the order of the modules.
    private sealed class Block(DeepSeekV2Config config, WeightSource weights, string root, bool sparse)
    {
        public LinearSite? Query { get; } = config.QueryRank > 0 ? null
            : weights.Linear(root + "self_attn.q_proj", config.HiddenSize, config.QueryWidth, bias: false);

        public LinearSite? QueryDown { get; } = config.QueryRank == 0 ? null
            : weights.Linear(root + "self_attn.q_a_proj", config.HiddenSize, config.QueryRank, config.AttentionBias);

        public RmsNorm? QueryNorm { get; } = config.QueryRank == 0 ? null : weights.RmsNorm(root + "self_attn.q_a_layernorm", config.QueryRank, InnerEps);

        public LinearSite? QueryUp { get; } = config.QueryRank == 0 ? null
            : weights.Linear(root + "self_attn.q_b_proj", config.QueryRank, config.QueryWidth, bias: false);

        public LinearSite KeyValueDown { get; } =
            weights.Linear(root + "self_attn.kv_a_proj_with_mqa", config.HiddenSize, config.KeyValueRank + config.RotaryHeadDim, config.AttentionBias);

        public RmsNorm KeyValueNorm { get; } = weights.RmsNorm(root + "self_attn.kv_a_layernorm", config.KeyValueRank, InnerEps);

        public LinearSite KeyValueUp { get; } =
            weights.Linear(root + "self_attn.kv_b_proj", config.KeyValueRank, config.NumAttentionHeads * (config.PlainHeadDim + config.ValueDim), bias: false);

        public LinearSite Output { get; } =
            weights.Linear(root + "self_attn.o_proj", config.NumAttentionHeads * config.ValueDim, config.HiddenSize, config.AttentionBias);

        public FeedForward? Dense { get; } = sparse ? null : new FeedForward(weights, root + "mlp.", config.HiddenSize, config.IntermediateSize, config.MlpBias);

        public ExpertLayer? Experts { get; } = sparse ? new ExpertLayer(config, weights, root + "mlp.") : null;

        public RmsNorm InputNorm { get; } = weights.RmsNorm(root + "input_layernorm", config.HiddenSize, config.RmsNormEps);

        public RmsNorm PostAttentionNorm { get; } = weights.RmsNorm(root + "post_attention_layernorm", config.HiddenSize, config.RmsNormEps);
    }

    private sealed class FeedForward(WeightSource weights, string root, int width, int inner, bool bias)
    {
        private readonly LinearSite gate = weights.Linear(root + "gate_proj", width, inner, bias);
        private readonly LinearSite up = weights.Linear(root + "up_proj", width, inner, bias);
        private readonly LinearSite down = weights.Linear(root + "down_proj", inner, width, bias);

        public Tensor Forward(Tensor x) => down.Forward(F.silu(gate.Forward(x)) * up.Forward(x));
    }

    /// <summary>The experts of a layer. The router is no linear layer that methods adapt: it chooses, it does not compute.</summary>
    private sealed class ExpertLayer(DeepSeekV2Config config, WeightSource weights, string root)
    {
        private readonly FeedForward[] experts = [.. Enumerable.Range(0, config.Experts).Select(i =>
            new FeedForward(weights, $"{root}experts.{i}.", config.HiddenSize, config.ExpertSize, bias: false))];

        private readonly ModelParameter router = weights.Take(root + "gate.weight", config.Experts, config.HiddenSize);

        private readonly FeedForward? shared = config.SharedExperts == 0 ? null
            : new FeedForward(weights, root + "shared_experts.", config.HiddenSize, config.ExpertSize * config.SharedExperts, bias: false);

        /// <summary>[N, C] → [N, C].</summary>
        public Tensor Forward(Tensor x)
        {
            var shares = F.linear(x.to(ScalarType.Float32), router.Value.to(ScalarType.Float32)).softmax(-1); // [N, E]
            var (weights, indices) = (config.Groups > 1 ? InChosenGroups(shares) : shares).topk(config.ChosenExperts, -1); // [N, k]
            var made = MixtureOfExperts.Combine(
                x, (weights * config.RoutedScale).to(x.dtype), indices, [.. experts.Select(expert => (Func<Tensor, Tensor>)expert.Forward)]);
            return shared is null ? made : made + shared.Forward(x);
        }

        /// <summary>Shares of experts outside the groups with the largest single shares become 0.</summary>
        private Tensor InChosenGroups(Tensor shares)
        {
            var grouped = shares.view(-1, config.Groups, config.Experts / config.Groups);
            var (_, best) = grouped.amax([2]).topk(config.ChosenGroups, -1); // [N, g]
            var chosen = zeros([shares.shape[0], config.Groups], ScalarType.Bool, shares.device).scatter(1, best, ones_like(best, ScalarType.Bool));
            return grouped.masked_fill(chosen.logical_not().unsqueeze(-1), 0).view(shares.shape);
        }
    }
}
