using Peft.Core.Models.Blocks;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models;

/// <summary>
/// The Llama decoder, top to bottom: embedding, then layers of attention (rotary positions, grouped keys and values) and gated
/// feed-forward, each behind an RMS norm and added to the residual stream, then a final norm and the head. Parameter names are those of
/// Hugging Face's <c>LlamaForCausalLM</c>. https://arxiv.org/abs/2302.13971, https://arxiv.org/abs/2407.21783.
/// Letters: B rows, T new tokens, S positions looked at, V virtual tokens, C width, H query heads, Hkv key/value heads, D head width.
/// </summary>
public sealed class Llama : CausalLanguageModel
{
    private readonly Layer[] layers;
    private readonly RmsNorm norm;
    private readonly RotaryEmbedding rotary;
    private readonly int heads;
    private readonly int keyValueHeads;
    private readonly int headDim;
    private readonly int width;

    /// <summary>Builds the model from its config and weights.</summary>
    public Llama(LlamaConfig config, WeightSource weights)
        : base(config, weights)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        (heads, keyValueHeads, headDim, width) = (config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim, config.HiddenSize);
        Embedding = new EmbeddingSite("model.embed_tokens", weights.Take("model.embed_tokens.weight"));
        layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Layer(i, config, weights))];
        norm = new RmsNorm(weights.Take("model.norm.weight"), config.RmsNormEps);
        Head = new LinearSite("lm_head", config.TieWordEmbeddings ? Embedding.WeightParameter : weights.Take("lm_head.weight"), null);
        rotary = new RotaryEmbedding(headDim, config.RopeTheta, config.RopeScaling, DType, Device);
        Parameters = [.. weights.Taken];
        Linears = [.. layers.SelectMany(l => l.Linears)];
        Attentions = [.. layers.Select((_, i) => new AttentionSite($"model.layers.{i}.self_attn", i))];
    }

    /// <inheritdoc />
    public override IReadOnlyList<ModelParameter> Parameters { get; }

    /// <inheritdoc />
    public override IReadOnlyList<LinearSite> Linears { get; }

    /// <inheritdoc />
    public override IReadOnlyList<AttentionSite> Attentions { get; }

    /// <inheritdoc />
    public override EmbeddingSite Embedding { get; }

    /// <inheritdoc />
    public override LinearSite Head { get; }

    /// <inheritdoc />
    public override Tensor Hidden(Tensor inputIds, Tensor? attentionMask = null, KeyValueCache? cache = null, Tensor? positions = null)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        using var scope = NewDisposeScope();
        var shape = inputIds.shape;
        if (shape.Length != 2)
            throw new ArgumentException($"Token ids must be [rows, tokens], not [{string.Join(", ", shape)}].", nameof(inputIds));
        var (batch, length) = (shape[0], shape[1]);
        var past = cache is null ? 0 : cache.Length - cache.PrefixLength;

        // Virtual tokens enter the cache with the first call; afterwards they are part of it.
        var prefix = cache is null || cache.Length == 0 ? Prefix?.KeysAndValues() : null;
        var virtualTokens = prefix is not null ? Prefix!.Length : cache?.PrefixLength ?? 0;
        var (cos, sin) = Angles(positions, virtualTokens, past, batch, length);
        var mask = AttentionMask.Build(attentionMask, length, past, virtualTokens, DType, Device);
        var call = new Call(batch, length, cos, sin, mask, prefix, cache);

        var h = Embedding.Forward(inputIds.view(-1)); // [B*T, C]
        foreach (var layer in layers)
            h = Forward(layer, h, call);
        if (cache is not null)
        {
            cache.Advance(length + (prefix is null ? 0 : virtualTokens));
            cache.PrefixLength = virtualTokens;
        }

        return norm.Forward(h).view(batch, length, width).MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        rotary.Dispose();
        base.Dispose(disposing);
    }

    private (Tensor Cos, Tensor Sin) Angles(Tensor? positions, long virtualTokens, long past, long batch, long length)
    {
        if (positions is null)
            return rotary.Range(virtualTokens + past, length); // [T, 1, D/2]
        var flat = positions.view(-1) + virtualTokens;
        var (cos, sin) = rotary.At(flat, virtualTokens + past + length);
        return (cos.view(batch, length, 1, headDim / 2), sin.view(batch, length, 1, headDim / 2));
    }

    private Tensor Forward(Layer layer, Tensor h, Call call)
    {
        // One scope per layer: what backward does not need is freed here, not at the end of the step.
        using var scope = NewDisposeScope();
        h = h + Attend(layer, layer.InputNorm.Forward(h), call);
        var x = layer.PostAttentionNorm.Forward(h);
        var gated = F.silu(layer.Gate.Forward(x)) * layer.Up.Forward(x); // [B*T, F]
        return (h + layer.Down.Forward(gated)).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Layer layer, Tensor x, Call call)
    {
        var (batch, length) = (call.Batch, call.Length);
        var q = layer.Query.Forward(x).view(batch, length, heads, headDim);
        var k = layer.Key.Forward(x).view(batch, length, keyValueHeads, headDim);
        var v = layer.Value.Forward(x).view(batch, length, keyValueHeads, headDim).transpose(1, 2); // [B, Hkv, T, D]
        q = RotaryEmbedding.Rotate(q, call.Cos, call.Sin).transpose(1, 2); // [B, H, T, D]
        k = RotaryEmbedding.Rotate(k, call.Cos, call.Sin).transpose(1, 2); // [B, Hkv, T, D]
        if (call.Prefix is { } prefix)
        {
            // Virtual keys are not rotated; [Hkv, V, D] → [B, Hkv, V + T, D].
            k = cat([prefix[2 * layer.Index].unsqueeze(0).expand(batch, -1, -1, -1), k], 2);
            v = cat([prefix[(2 * layer.Index) + 1].unsqueeze(0).expand(batch, -1, -1, -1), v], 2);
        }

        if (call.Cache is { } cache)
            (k, v) = cache.Append(layer.Index, k, v);
        var attended = length == 1 ? Attention.One(q, k, v, call.Mask) : Attention.Many(q, k, v, call.Mask, Arithmetic);
        return layer.Output.Forward(attended); // [B*T, C]
    }

    /// <summary>What one forward shares between its layers.</summary>
    private sealed record Call(long Batch, long Length, Tensor Cos, Tensor Sin, AttentionMask Mask, Tensor[]? Prefix, KeyValueCache? Cache);

    private sealed class Layer
    {
        public Layer(int index, LlamaConfig config, WeightSource weights)
        {
            Index = index;
            var root = $"model.layers.{index}.";
            LinearSite Linear(string name, bool bias) => new(
                root + name,
                weights.Take($"{root}{name}.weight"),
                weights.TakeIf(bias, $"{root}{name}.bias"));
            Query = Linear("self_attn.q_proj", config.AttentionBias);
            Key = Linear("self_attn.k_proj", config.AttentionBias);
            Value = Linear("self_attn.v_proj", config.AttentionBias);
            Output = Linear("self_attn.o_proj", config.AttentionBias);
            Gate = Linear("mlp.gate_proj", config.MlpBias);
            Up = Linear("mlp.up_proj", config.MlpBias);
            Down = Linear("mlp.down_proj", config.MlpBias);
            InputNorm = new RmsNorm(weights.Take(root + "input_layernorm.weight"), config.RmsNormEps);
            PostAttentionNorm = new RmsNorm(weights.Take(root + "post_attention_layernorm.weight"), config.RmsNormEps);
            Linears = [Query, Key, Value, Output, Gate, Up, Down];
        }

        public int Index { get; }

        public LinearSite Query { get; }

        public LinearSite Key { get; }

        public LinearSite Value { get; }

        public LinearSite Output { get; }

        public LinearSite Gate { get; }

        public LinearSite Up { get; }

        public LinearSite Down { get; }

        public RmsNorm InputNorm { get; }

        public RmsNorm PostAttentionNorm { get; }

        public IReadOnlyList<LinearSite> Linears { get; }
    }
}
