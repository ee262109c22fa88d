using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Who may look at whom: causal among real tokens, everybody at the virtual tokens of a prefix, nobody at padding. Where the plain causal
/// rule is enough (no left padding, no prefix, no cache) no mask is built, since the attention kernel then skips half of the work: padding
/// on the right is never looked at by a real token.
/// </summary>
internal readonly record struct AttentionMask(Tensor? Additive, bool Causal, bool HasBlindRows = false)
{
    /// <summary>Whether texts that share a row may as well be computed one by one with the causal rule.</summary>
    public bool PerText { get; init; }

    /// <param name="padding">[B, past + T] with 1 for real tokens, or null when there are no pads.</param>
    /// <param name="queries">T, the new tokens.</param>
    /// <param name="past">Real positions in the cache.</param>
    /// <param name="prefix">Virtual tokens in front.</param>
    /// <param name="dtype">Type of queries and keys.</param>
    /// <param name="device">Where they are.</param>
    /// <param name="window">A token sees itself and this many − 1 positions before it; 0 means all of them.</param>
    public static AttentionMask Build(Tensor? padding, long queries, long past, long prefix, ScalarType dtype, Device device, int window = 0)
    {
        if (window >= prefix + past + queries)
            window = 0;
        if (padding is not null && RowTexts.Of(padding) is not null)
            return OfTexts(padding, queries, past, prefix, dtype, device, window);
        var hidden = padding is not null && HidesFromRealTokens(padding);
        if (!hidden && window == 0 && queries == 1)
            return new AttentionMask(null, false);
        if (!hidden && window == 0 && past == 0 && prefix == 0)
            return new AttentionMask(null, true);

        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var keys = prefix + past + queries;
        var later = ones([queries, keys], ScalarType.Bool, device).triu(prefix + past + 1).view(1, 1, queries, keys);
        if (window > 0)
            later = later.logical_or(ones([queries, keys], ScalarType.Bool, device).tril(prefix + past - window));
        if (hidden)
        {
            var pads = padding!.to(device).eq(0).view(padding.shape[0], 1, 1, past + queries);
            if (prefix > 0)
                pads = cat([zeros([padding.shape[0], 1, 1, prefix], ScalarType.Bool, device), pads], -1);
            later = later.logical_or(pads);
        }

        return new AttentionMask(Blocking(later, dtype).MoveToOuterDisposeScope(), false, HasBlindRows: hidden && prefix == 0);
    }

    /// <summary>Rows of several texts: a token sees those before it in its own text, and everybody the virtual tokens in front.</summary>
    private static AttentionMask OfTexts(Tensor texts, long queries, long past, long prefix, ScalarType dtype, Device device, int window)
    {
        if (past > 0)
            throw new InvalidOperationException("Rows of several texts cannot be continued token by token.");
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var keys = prefix + queries;
        var hidden = ones([queries, keys], ScalarType.Bool, device).triu(prefix + 1).view(1, 1, queries, keys);
        if (window > 0)
            hidden = hidden.logical_or(ones([queries, keys], ScalarType.Bool, device).tril(prefix - window));
        var numbers = texts.to(device);
        var keyNumbers = numbers.unsqueeze(1).unsqueeze(1); // [B, 1, 1, T]
        var foreign = numbers.unsqueeze(1).unsqueeze(-1).ne(keyNumbers).logical_and(keyNumbers.ne(RowTexts.Everybody));
        if (prefix > 0)
            foreign = cat([zeros([texts.shape[0], 1, queries, prefix], ScalarType.Bool, device), foreign], -1);
        return new AttentionMask(Blocking(hidden.logical_or(foreign), dtype).MoveToOuterDisposeScope(), false);
    }

    /// <summary>Everybody sees every real token.</summary>
    /// <param name="padding">[B, S] with 1 for real tokens, or null when there are no pads.</param>
    /// <param name="dtype">Type of queries and keys.</param>
    /// <param name="device">Where they are.</param>
    public static AttentionMask OfPadding(Tensor? padding, ScalarType dtype, Device device)
    {
        if (padding is null)
            return new AttentionMask(null, false);
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var pads = padding.to(device).eq(0).view(padding.shape[0], 1, 1, padding.shape[1]);
        return new AttentionMask(Blocking(pads, dtype).MoveToOuterDisposeScope(), false);
    }

    /// <summary>The same rule as numbers, where it was only named.</summary>
    public AttentionMask Filled(long queries, long keys, ScalarType dtype, Device device) =>
        Causal ? new AttentionMask(CausalOnly(queries, keys, dtype, device), false) : this;

    /// <summary>The mask with scores [1 or B, H, T, S] added; it must be filled or empty.</summary>
    public AttentionMask Plus(Tensor scores) => new(Additive is null ? scores : maximum(Additive + scores, tensor(Blocked(scores.dtype), dtype: scores.dtype, device: scores.device)), false, HasBlindRows);

    /// <summary>Nobody sees what is true, [B, H or 1, T, S].</summary>
    public static Tensor Hide(Tensor blocked, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        return Blocking(blocked, dtype).MoveToOuterDisposeScope();
    }

    /// <summary>The causal rule alone as a mask [1, 1, T, S].</summary>
    public static Tensor CausalOnly(long queries, long keys, ScalarType dtype, Device device)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var later = ones([queries, keys], ScalarType.Bool, device).triu(keys - queries + 1).view(1, 1, queries, keys);
        return Blocking(later, dtype).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// 0 where one may look, the smallest number elsewhere: not −∞, so that a row that may look nowhere stays finite (it is padding, and
    /// its output is never used).
    /// </summary>
    private static Tensor Blocking(Tensor hidden, ScalarType dtype)
    {
        return zeros(hidden.shape, dtype, hidden.device).masked_fill(hidden, Blocked(dtype));
    }

    /// <summary>The smallest number of a type.</summary>
    public static float Blocked(ScalarType dtype) => dtype == ScalarType.BFloat16 ? -3.3895e38f : dtype == ScalarType.Float16 ? -65504f : float.MinValue;

    /// <summary>True when some pad stands in front of a real token of its row.</summary>
    private static bool HidesFromRealTokens(Tensor padding)
    {
        using var cpu = padding.to(ScalarType.Int64, CPU);
        using var contiguous = cpu.contiguous();
        var width = (int)contiguous.shape[1];
        var values = contiguous.data<long>();
        var flat = values.ToArray();
        for (var row = 0; row < flat.Length; row += width)
        {
            var ended = false;
            for (var i = row; i < row + width; i++)
            {
                if (flat[i] == 0)
                    ended = true;
                else if (ended)
                    return true;
            }
        }

        return false;
    }
}
