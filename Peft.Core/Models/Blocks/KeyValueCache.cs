using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Keys and values of the tokens already seen, per layer [B, Hkv, capacity, D], so that decoding computes one new token per step. Rows can
/// be dropped when they have finished.
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] keys;
    private readonly Tensor[] values;

    /// <summary>Reserves room for <paramref name="capacity"/> positions (virtual ones included).</summary>
    public KeyValueCache(ModelConfig config, long batch, long capacity, ScalarType dtype, Device device)
    {
        ArgumentNullException.ThrowIfNull(config);
        Capacity = capacity;
        Batch = batch;
        keys = new Tensor[config.NumDecoderLayers];
        values = new Tensor[config.NumDecoderLayers];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = empty([batch, config.NumKeyValueHeads, capacity, config.HeadDim], dtype, device).DetachFromDisposeScope();
            values[i] = empty([batch, config.NumKeyValueHeads, capacity, config.ValueHeadDim], dtype, device).DetachFromDisposeScope();
        }
    }

    /// <summary>Positions that fit.</summary>
    public long Capacity { get; }

    /// <summary>Rows.</summary>
    public long Batch { get; private set; }

    /// <summary>Positions filled.</summary>
    public long Length { get; private set; }

    /// <summary>Of those, virtual ones in front (prefix-tuning).</summary>
    public long PrefixLength { get; internal set; }

    /// <summary>What an architecture remembers per row.</summary>
    internal long[][]? RowState { get; set; }

    /// <summary>Stores new keys and values [B, Hkv, T, D] of a layer behind the filled positions and returns all of that layer, [B, Hkv, S, D].</summary>
    /// <exception cref="PeftException">The cache is full.</exception>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor newKeys, Tensor newValues)
    {
        ArgumentNullException.ThrowIfNull(newKeys);
        ArgumentNullException.ThrowIfNull(newValues);
        var count = newKeys.shape[2];
        if (Length + count > Capacity)
            throw new PeftException($"The key/value cache holds {Capacity} positions, {Length + count} are needed.");
        using (var keySlot = keys[layer].narrow(2, Length, count))
            keySlot.copy_(newKeys);
        using (var valueSlot = values[layer].narrow(2, Length, count))
            valueSlot.copy_(newValues);
        return (keys[layer].narrow(2, 0, Length + count), values[layer].narrow(2, 0, Length + count));
    }

    /// <summary>Marks positions as filled, after every layer has stored them.</summary>
    public void Advance(long count) => Length += count;

    /// <summary>Goes on with the rows named by <paramref name="rows"/> [k], in that order; a row may be named more than once.</summary>
    public void KeepRows(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = Kept(keys[i], rows);
            values[i] = Kept(values[i], rows);
        }

        if (RowState is { } state)
            RowState = [.. rows.cpu().data<long>().ToArray().Select(r => (long[])state[r].Clone())]; // a row kept twice goes two ways
        Batch = rows.shape[0];
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var tensor in keys)
            tensor.Dispose();
        foreach (var tensor in values)
            tensor.Dispose();
    }

    private static Tensor Kept(Tensor tensor, Tensor rows)
    {
        var kept = tensor.index_select(0, rows).DetachFromDisposeScope();
        tensor.Dispose();
        return kept;
    }
}
