using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Peft.Core.Models.Blocks;

/// <summary>How attention is computed; the names are Hugging Face's <c>attn_implementation</c>.</summary>
public enum AttentionKernel
{
    /// <summary>One fused kernel that never stores the scores: fast, and exact to float32 inside.</summary>
    Sdpa,

    /// <summary>
    /// Scores, softmax in float32, weighted sum, one after another and each rounded to the model's type: reproduces what was recorded with
    /// Hugging Face's eager attention bit for bit in bfloat16.
    /// </summary>
    Eager,
}

/// <summary>Attention of queries [B, H, T, D] over keys and values [B, Hkv, S, D]; several query heads may share a key/value head.</summary>
internal static class Attention
{
    /// <summary>Many queries per row. Returns [B·T, H·D].</summary>
    public static Tensor Many(Tensor q, Tensor k, Tensor v, AttentionMask mask, AttentionKernel kernel)
    {
        var shape = q.shape;
        var (batch, heads, length, headDim) = (shape[0], shape[1], shape[2], shape[3]);
        (k, v) = (Repeat(k, heads), Repeat(v, heads));
        var attended = kernel == AttentionKernel.Sdpa
            ? F.scaled_dot_product_attention(q, k, v, mask.Additive, 0, mask.Causal)
            : Eager(q, k, v, mask);
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
