using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Blocks;

/// <summary>Where operations are rounded in a bfloat16 model. In float32 both are the same but for the last bits.</summary>
public enum Arithmetic
{
    /// <summary>As fast as it goes: attention in the quickest way for the shape, adapters multiplied in the base's type.</summary>
    Fast,

    /// <summary>
    /// Operation by operation as Hugging Face computes with eager attention and PEFT with float32 adapters, each result rounded to the
    /// model's type: reproduces recorded bfloat16 runs closely.
    /// </summary>
    Reference,
}

/// <summary>Attention of queries [B, H, T, D] over keys and values [B, Hkv, S, D]; several query heads may share a key/value head.</summary>
internal static class Attention
{
    /// <summary>The weighted sums of the values, [B·T, H·D].</summary>
    /// <param name="q">Queries [B, H, T, D].</param>
    /// <param name="k">Keys [B, Hkv, S, D].</param>
    /// <param name="v">Values [B, Hkv, S, D].</param>
    /// <param name="mask">Who may look at whom, and scores to add.</param>
    /// <param name="arithmetic">Where to round.</param>
    /// <param name="scale">Factor on the scores; null is 1/√D.</param>
    /// <param name="softCap">Scores s become cap · tanh(s / cap); 0 leaves them.</param>
    public static Tensor Compute(Tensor q, Tensor k, Tensor v, AttentionMask mask, Arithmetic arithmetic, double? scale = null, double softCap = 0)
    {
        using var scope = NewDisposeScope();
        return Chosen(q, k, v, mask, arithmetic, scale, softCap).MoveToOuterDisposeScope();
    }

    private static Tensor Chosen(Tensor q, Tensor k, Tensor v, AttentionMask mask, Arithmetic arithmetic, double? scale, double softCap)
    {
        var shape = q.shape;
        var (batch, heads, length, headDim) = (shape[0], shape[1], shape[2], shape[3]);
        // A row that may look nowhere spreads evenly over all keys; the fused kernel computes that, but not its gradient.
        if (arithmetic == Arithmetic.Reference || softCap > 0 || (mask.HasBlindRows && is_grad_enabled()))
            return Joined(Eager(q, Repeat(k, heads), Repeat(v, heads), mask, scale ?? 1 / Math.Sqrt(headDim), softCap), batch, length, heads);
        if (PrefersProducts(q, k) && length > 1)
            return Joined(Products(q, k, v, mask, scale ?? 1 / Math.Sqrt(headDim)), batch, length, heads);
        if (scale is { } factor)
            q = q * (factor * Math.Sqrt(headDim)); // the kernel divides by √D
        return length == 1
            ? One(q, k, v, mask)
            : Joined(F.scaled_dot_product_attention(q, Repeat(k, heads), Repeat(v, heads), mask.Additive, 0, mask.Causal), batch, length, heads);
    }

    /// <summary>
    /// One query per row (decoding): the query heads of a group act as the queries of their key head, so nothing is repeated. Returns [B, H·D].
    /// </summary>
    private static Tensor One(Tensor q, Tensor k, Tensor v, AttentionMask mask)
    {
        var (batch, heads, headDim, keyHeads) = (q.shape[0], q.shape[1], q.shape[3], k.shape[1]);
        var grouped = q.reshape(batch, keyHeads, heads / keyHeads, headDim);
        var additive = mask.Additive;
        if (additive is not null && additive.shape[1] > 1)
            additive = additive.reshape(additive.shape[0], keyHeads, heads / keyHeads, additive.shape[3]);
        return F.scaled_dot_product_attention(grouped, k, v, additive, 0, false).reshape(batch, heads * v.shape[3]);
    }

    private static Tensor Joined(Tensor attended, long batch, long length, long heads) =>
        attended.transpose(1, 2).reshape(batch * length, heads * attended.shape[3]);

    /// <summary>
    /// In bfloat16 on a CPU the fused kernel's backward takes two to three times as long as two batched products and a softmax, as long as
    /// the scores are small enough to be stored.
    /// </summary>
    private static bool PrefersProducts(Tensor q, Tensor k) =>
        q.dtype == ScalarType.BFloat16 && q.device_type == TorchSharp.DeviceType.CPU && q.shape[2] * k.shape[2] <= 512 * 512;

    /// <summary>Scores and weighted sum as batched products per key/value head; a group's query heads lie behind one another as its queries.</summary>
    private static Tensor Products(Tensor q, Tensor k, Tensor v, AttentionMask mask, double scale)
    {
        var shape = q.shape;
        var (batch, heads, length, headDim, keyHeads, keys) = (shape[0], shape[1], shape[2], shape[3], k.shape[1], k.shape[2]);
        var groups = heads / keyHeads;
        var hidden = mask.Causal ? AttentionMask.CausalOnly(length, keys, q.dtype, q.device)
            : mask.Additive ?? zeros([1, 1, length, keys], q.dtype, q.device); // [1 or B, 1 or H, T, S]
        hidden = hidden.expand(batch, heads, length, keys).reshape(batch * keyHeads, groups * length, keys);
        var scores = q.reshape(batch * keyHeads, groups * length, headDim)
            .baddbmm(k.reshape(batch * keyHeads, keys, headDim).transpose(1, 2), hidden, 1, (float)scale);
        return scores.softmax(-1).bmm(v.reshape(batch * keyHeads, keys, v.shape[3])).view(batch, heads, length, v.shape[3]);
    }

    private static Tensor Eager(Tensor q, Tensor k, Tensor v, AttentionMask mask, double scale, double softCap)
    {
        var shape = q.shape;
        var (batch, heads, length, headDim, keys) = (shape[0], shape[1], shape[2], shape[3], k.shape[2]);
        var scores = q.reshape(batch * heads, length, headDim).bmm(k.reshape(batch * heads, keys, headDim).transpose(1, 2));
        scores = scores.view(batch, heads, length, keys) * scale;
        if (softCap > 0)
            scores = (scores / softCap).tanh() * softCap;
        var hidden = mask.Causal ? AttentionMask.CausalOnly(length, keys, q.dtype, q.device) : mask.Additive;
        if (hidden is not null)
            scores = scores + hidden;
        var weights = scores.softmax(-1, ScalarType.Float32).to(q.dtype);
        return weights.view(batch * heads, length, keys).bmm(v.reshape(batch * heads, keys, v.shape[3])).view(batch, heads, length, v.shape[3]);
    }

    private static Tensor Repeat(Tensor x, long heads)
    {
        var shape = x.shape; // [B, Hkv, S, D]
        var groups = heads / shape[1];
        return groups == 1
            ? x
            : x.unsqueeze(2).expand(shape[0], shape[1], groups, shape[2], shape[3]).reshape(shape[0], heads, shape[2], shape[3]);
    }
}
