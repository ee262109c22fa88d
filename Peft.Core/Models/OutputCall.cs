using Peft.Core.Models.Blocks;
using static TorchSharp.torch;

namespace Peft.Core.Models;

/// <summary>
/// What one forward of the writing side of an encoder-decoder shares between its layers: sizes, virtual tokens and the cache. Virtual tokens
/// stand in front of what is written, not of the input.
/// </summary>
internal sealed class OutputCall
{
    private readonly KeyValueCache? cache;
    private readonly Tensor[]? prefix;

    public OutputCall(EncoderDecoderModel model, Tensor decoderIds, Seq2SeqCache? cache)
    {
        this.cache = cache?.Own;
        (Batch, Length) = (decoderIds.shape[0], decoderIds.shape[1]);

        // Virtual tokens enter the cache with the first call; afterwards they are part of it.
        prefix = cache is null || cache.Own.Length == 0 ? model.Prefix?.KeysAndValues() : null;
        foreach (var shared in prefix ?? [])
            model.Shared(shared);
        Past = prefix is not null ? model.Prefix!.Length : cache?.Own.Length ?? 0;
    }

    /// <summary>B.</summary>
    public long Batch { get; }

    /// <summary>T, the new tokens.</summary>
    public long Length { get; }

    /// <summary>Positions in front of the new tokens, virtual ones included.</summary>
    public long Past { get; }

    /// <summary>S = past + T.</summary>
    public long Keys => Past + Length;

    /// <summary>Keys and values [B, H, S, D] of everything in front and of the new tokens [B, H, T, D].</summary>
    public (Tensor Keys, Tensor Values) All(int layer, Tensor keys, Tensor values)
    {
        if (prefix is not null)
        {
            keys = cat([prefix[2 * layer].unsqueeze(0).expand(Batch, -1, -1, -1), keys], 2);
            values = cat([prefix[(2 * layer) + 1].unsqueeze(0).expand(Batch, -1, -1, -1), values], 2);
        }

        return cache?.Append(layer, keys, values) ?? (keys, values);
    }

    /// <summary>Every layer has stored its keys and values.</summary>
    public void End() => cache?.Advance(prefix is null ? Length : Keys);
}
