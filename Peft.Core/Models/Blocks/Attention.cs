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
    /// <summary>Many queries per row. Returns [B·T, H·D].</summary>
    public static Tensor Many(Tensor q, Tensor k, Tensor v, AttentionMask mask, Arithmetic arithmetic)
    {
        var shape = q.shape;
        var (batch, heads, length, headDim) = (shape[0], shape[1], shape[2], shape[3]);
        var attended = arithmetic == Arithmetic.Reference ? Eager(q, Repeat(k, heads), Repeat(v, heads), mask)
            : PrefersProducts(q, k) ? Products(q, k, v, mask)
            : F.scaled_dot_product_attention(q, Repeat(k, heads), Repeat(v, heads), mask.Additive, 0, mask.Causal);
        return attended.transpose(1, 2).reshape(batch * length, heads * headDim);
    }

    /// <summary>
    /// One query per row (decoding): the query heads of a group act as the queries of their key head, so nothing is repeated. Returns [B, H·D].
    /// </summary>
    public static Tensor One(Tensor q, Tensor k, Tensor v, AttentionMask mask)
    {
        var (batch, heads, headDim) = (q.shape[0], q.shape[1], q.shape[3]);
        var keyValueHeads = k.shape[1];
        var grouped = q.reshape(batch, keyValueHeads, heads / keyValueHeads, headDim);
        return F.scaled_dot_product_attention(grouped, k, v, mask.Additive, 0, false).reshape(batch, heads * headDim);
    }

    /// <summary>
    /// In bfloat16 on a CPU the fused kernel's backward takes two to three times as long as two batched products and a softmax, as long as
    /// the scores are small enough to be stored.
    /// </summary>
    private static bool PrefersProducts(Tensor q, Tensor k) =>
        q.dtype == ScalarType.BFloat16 && q.device_type == TorchSharp.DeviceType.CPU && q.shape[2] * k.shape[2] <= 512 * 512;

    /// <summary>Scores and weighted sum as batched products per key/value head; a group's query heads lie behind one another as its queries.</summary>
    private static Tensor Products(Tensor q, Tensor k, Tensor v, AttentionMask mask)
    {
        var shape = q.shape;
        var (batch, heads, length, headDim, keyHeads, keys) = (shape[0], shape[1], shape[2], shape[3], k.shape[1], k.shape[2]);
        var groups = heads / keyHeads;
        var hidden = mask.Causal ? AttentionMask.CausalOnly(length, keys, q.dtype, q.device) : mask.Additive!; // [1 or B, 1, T, S]
        hidden = hidden.unsqueeze(2).expand(batch, keyHeads, groups, length, keys).reshape(batch * keyHeads, groups * length, keys);
        var scores = q.reshape(batch * keyHeads, groups * length, headDim)
            .baddbmm(k.reshape(batch * keyHeads, keys, headDim).transpose(1, 2), hidden, 1, (float)(1 / Math.Sqrt(headDim)));
        return scores.softmax(-1).bmm(v.reshape(batch * keyHeads, keys, headDim)).view(batch, heads, length, headDim);
    }

    private static Tensor Eager(Tensor q, Tensor k, Tensor v, AttentionMask mask)
    {
        var shape = q.shape;
        var (batch, heads, length, headDim, keys) = (shape[0], shape[1], shape[2], shape[3], k.shape[2]);
        var scores = q.reshape(batch * heads, length, headDim).bmm(k.reshape(batch * heads, keys, headDim).transpose(1, 2));
        scores = scores.view(batch, heads, length, keys) * (1 / Math.Sqrt(headDim));
        var hidden = mask.Causal ? AttentionMask.CausalOnly(length, keys, q.dtype, q.device) : mask.Additive;
        if (hidden is not null)
            scores = scores + hidden;
        var weights = scores.softmax(-1, ScalarType.Float32).to(q.dtype);
        return weights.view(batch * heads, length, keys).bmm(v.reshape(batch * heads, keys, headDim)).view(batch, heads, length, headDim);
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
