using Peft.Core.Models.Blocks;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// What one forward of a decoder shares between its layers: sizes, positions, masks, virtual tokens and the cache. Tensors made by
/// <see cref="Once"/> live until the forward ends.
/// </summary>
public sealed class DecoderCall
{
    private readonly CausalLanguageModel model;
    private readonly DisposeScope scope;
    private readonly Dictionary<object, Tensor> made = [];
    private readonly Dictionary<string, object> shared = [];
    private readonly Dictionary<int, AttentionMask> masks = [];
    private readonly Tensor? positions;
    private readonly Tensor[]? prefix;
    private readonly RowTexts? texts;

    internal DecoderCall(CausalLanguageModel model, DisposeScope scope, Tensor inputIds, Tensor? padding, KeyValueCache? cache, Tensor? positions)
    {
        this.model = model;
        this.scope = scope;
        this.positions = positions;
        InputIds = inputIds;
        Padding = padding;
        Cache = cache;
        (Batch, Length) = (inputIds.shape[0], inputIds.shape[1]);
        texts = padding is not null && positions is not null ? RowTexts.Of(padding) : null;
        Past = cache is null ? 0 : cache.Length - cache.PrefixLength;

        // Virtual tokens enter the cache with the first call; afterwards they are part of it.
        prefix = cache is null || cache.Length == 0 ? model.Prefix?.KeysAndValues() : null;
        foreach (var shared in prefix ?? [])
            model.Shared(shared);
        VirtualTokens = prefix is not null ? model.Prefix!.Length : cache?.PrefixLength ?? 0;
    }

    /// <summary>B.</summary>
    public long Batch { get; }

    /// <summary>T, the new tokens.</summary>
    public long Length { get; }

    /// <summary>Real positions of earlier calls.</summary>
    public long Past { get; }

    /// <summary>V, virtual tokens in front.</summary>
    public long VirtualTokens { get; }

    /// <summary>S = V + past + T.</summary>
    public long Keys => VirtualTokens + Past + Length;

    /// <summary>Token ids [B, T].</summary>
    public Tensor InputIds { get; }

    /// <summary>1 for real tokens, [B, past + T]; null means no padding.</summary>
    public Tensor? Padding { get; }

    /// <summary>The structure of the text beside its ids, for architectures that have one; null for plain text.</summary>
    public object? Layout { get; internal init; }

    /// <summary>Whether the caller said where each token stands.</summary>
    public bool HasPositions => positions is not null;

    internal KeyValueCache? Cache { get; }

    /// <summary>Where each token stands, virtual tokens counted: [B, T], or [1, T] when the rows count alike.</summary>
    public Tensor Positions() => Once(typeof(DecoderCall), () => positions is null
        ? arange(VirtualTokens + Past, VirtualTokens + Past + Length, ScalarType.Int64, model.Device).unsqueeze(0)
        : positions + VirtualTokens);

    /// <summary>
    /// Where each token stands when only real tokens count, virtual ones included: [B or 1, T]. What is padding stands at −1.
    /// </summary>
    public Tensor CountedPositions() => positions is not null || Padding is null ? Positions() : Once("counted", () =>
    {
        var real = Padding.to(ScalarType.Int64, model.Device);
        if (VirtualTokens > 0)
            real = cat([ones([Batch, VirtualTokens], ScalarType.Int64, model.Device), real], 1);
        return ((real.cumsum(1) * real) - 1).narrow(1, VirtualTokens + Past, Length);
    });

    /// <summary>Makes a tensor at its first use and keeps it until the forward ends.</summary>
    /// <param name="key">What it is, e.g. the block it belongs to.</param>
    /// <param name="make">Makes it.</param>
    public Tensor Once(object key, Func<Tensor> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        if (made.TryGetValue(key, out var known))
            return known;
        using var inner = NewDisposeScope();
        using var gradient = WithGradient();
        return made[key] = make().MoveToOtherDisposeScope(scope);
    }

    /// <summary>Per head: [B·T, heads·D] → [B, T, heads, D].</summary>
    public Tensor Split(Tensor x, int heads)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.view(Batch, Length, heads, -1);
    }

    /// <summary>Makes something that holds tensors at its first use and keeps it until the forward ends.</summary>
    /// <param name="key">What it is.</param>
    /// <param name="make">Makes it.</param>
    /// <param name="tensors">The tensors it holds.</param>
    internal T Share<T>(string key, Func<T> make, Func<T, IEnumerable<Tensor>> tensors)
        where T : class
    {
        if (shared.TryGetValue(key, out var known))
            return (T)known;
        using var inner = NewDisposeScope();
        using var gradient = WithGradient();
        var fresh = make();
        foreach (var tensor in tensors(fresh))
            tensor.MoveToOtherDisposeScope(scope);
        shared[key] = fresh;
        return fresh;
    }

    /// <summary>A layer that will be computed again runs without gradients first; what is shared must have them all the same.</summary>
    private IDisposable? WithGradient() => model.Recomputation is null ? null : enable_grad();

    /// <summary>What an architecture has to remember per row from one step of decoding to the next.</summary>
    internal long[][]? RowState
    {
        get => Cache?.RowState;
        set
        {
            if (Cache is not null)
                Cache.RowState = value;
        }
    }

    /// <summary>Cosines and sines that broadcast to [B, T, 1, D/2].</summary>
    public (Tensor Cos, Tensor Sin) Angles(RotaryEmbedding rotary)
    {
        ArgumentNullException.ThrowIfNull(rotary);
        if (made.TryGetValue((rotary, 0), out var cos))
            return (cos, made[(rotary, 1)]);
        using var inner = NewDisposeScope();
        if (positions is null)
        {
            (cos, var range) = rotary.Range(VirtualTokens + Past, Length); // [T, 1, D/2]
            return Keep(rotary, cos, range);
        }

        // Tables that depend on the length go by the longest text, however many share a row; the positions of the padding stay below the width.
        (cos, var sin) = rotary.At(Positions().reshape(-1), Keys, texts is null ? null : Math.Max(texts.Longest + VirtualTokens, 1));
        var rows = positions.shape[0];
        return Keep(rotary, cos.view(rows, Length, 1, -1), sin.view(rows, Length, 1, -1));
    }

    private (Tensor Cos, Tensor Sin) Keep(RotaryEmbedding rotary, Tensor cos, Tensor sin) =>
        (made[(rotary, 0)] = cos.MoveToOtherDisposeScope(scope), made[(rotary, 1)] = sin.MoveToOtherDisposeScope(scope));

    /// <summary>Who may look at whom.</summary>
    /// <param name="window">A token sees itself and this many − 1 tokens before it; 0 means all of them.</param>
    internal AttentionMask Mask(int window = 0)
    {
        if (masks.TryGetValue(window, out var known))
            return known;
        using var inner = NewDisposeScope();
        var mask = AttentionMask.Build(Padding, Length, Past, VirtualTokens, model.DType, model.Device, window);
        mask.Additive?.MoveToOtherDisposeScope(scope);
        var perText = texts is not null && VirtualTokens == 0 && model.SoftPrompt is null && (window == 0 || window >= texts.Longest);
        return masks[window] = mask with { PerText = perText };
    }

    /// <summary>
    /// The mask with scores added per head and position: what ALiBi needs. <paramref name="bias"/> makes [1 or B, H, 1 or T, S].
    /// </summary>
    internal AttentionMask Biased(object key, Func<Tensor> bias, int window = 0) => new(
        Once(key, () =>
        {
            var mask = Mask(window);
            var hidden = mask.Causal ? AttentionMask.CausalOnly(Length, Keys, model.DType, model.Device) : mask.Additive;
            var scores = bias().to(model.DType);

            // The smallest number plus a negative score would be −∞, and a row that may look nowhere NaN.
            return hidden is null ? scores : maximum(scores + hidden, tensor(AttentionMask.Blocked(model.DType), dtype: model.DType, device: model.Device));
        }),
        Causal: false,
        Mask(window).HasBlindRows);

    /// <summary>
    /// Attention of a layer, over the virtual tokens and the cache too.
    /// </summary>
    /// <param name="layer">Number of the layer.</param>
    /// <param name="q">Queries [B, H, T, D], positions applied.</param>
    /// <param name="k">Keys [B, Hkv, T, D], positions applied.</param>
    /// <param name="v">Values [B, Hkv, T, D].</param>
    /// <param name="mask">Who may look at whom; null is the causal rule.</param>
    /// <param name="scale">Factor on the scores; null is 1/√D.</param>
    /// <param name="softCap">Scores s become cap · tanh(s / cap); 0 leaves them.</param>
    /// <returns>[B·T, H·D].</returns>
    internal Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, AttentionMask? mask = null, double? scale = null, double softCap = 0)
    {
        if (prefix is not null)
        {
            // Virtual keys are not rotated; [Hkv, V, D] → [B, Hkv, V + T, D].
            k = cat([prefix[2 * layer].unsqueeze(0).expand(Batch, -1, -1, -1), k], 2);
            v = cat([prefix[(2 * layer) + 1].unsqueeze(0).expand(Batch, -1, -1, -1), v], 2);
        }

        if (Cache is not null)
            (k, v) = Cache.Append(layer, k, v);
        if (texts is not null && (mask ?? Mask()).PerText)
            return AttendByText(texts, q, k, v, scale, softCap);
        return Attention.Compute(q, k, v, mask ?? Mask(), model.Arithmetic, scale, softCap);
    }

    /// <summary>Every text of a row by itself, which computes no score between texts. Returns [B·T, H·D].</summary>
    private Tensor AttendByText(RowTexts rows, Tensor q, Tensor k, Tensor v, double? scale, double softCap)
    {
        var parts = new List<Tensor>();
        for (var row = 0; row < rows.Starts.Length; row++)
        {
            var starts = rows.Starts[row];
            for (var i = 1; i < starts.Length; i++)
            {
                var (start, length) = (starts[i - 1], starts[i] - starts[i - 1]);
                Tensor Part(Tensor x) => x.narrow(0, row, 1).narrow(2, start, length);
                parts.Add(Attention.Compute(Part(q), Part(k), Part(v), new AttentionMask(null, length > 1), model.Arithmetic, scale, softCap));
            }
        }

        return parts.Count == 1 ? parts[0] : cat(parts, 0);
    }

    internal void End()
    {
        if (Cache is null)
            return;
        Cache.Advance(Length + (prefix is null ? 0 : VirtualTokens));
        Cache.PrefixLength = VirtualTokens;
    }
}
