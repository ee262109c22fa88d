using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// What a decoder that looks at an encoder keeps between steps: its own keys and values, and those of the input, which never change.
/// </summary>
public sealed class Seq2SeqCache : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] input;

    /// <summary>Reserves room for <paramref name="capacity"/> output positions.</summary>
    public Seq2SeqCache(ModelConfig config, long batch, long capacity, ScalarType dtype, Device device)
    {
        ArgumentNullException.ThrowIfNull(config);
        Own = new KeyValueCache(config, batch, capacity, dtype, device);
        input = new (Tensor, Tensor)?[config.NumDecoderLayers];
    }

    /// <summary>Keys and values of the tokens already written.</summary>
    public KeyValueCache Own { get; }

    /// <summary>Keys and values of the input at a layer, [B, H, S, D] each; made at the first step.</summary>
    public (Tensor Keys, Tensor Values) Input(int layer, Func<(Tensor Keys, Tensor Values)> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        if (input[layer] is { } known)
            return known;
        var (keys, values) = make();
        input[layer] = (keys.DetachFromDisposeScope(), values.DetachFromDisposeScope());
        return (keys, values);
    }

    /// <summary>Keeps only the rows named by <paramref name="rows"/> [k], in that order.</summary>
    public void KeepRows(Tensor rows)
    {
        Own.KeepRows(rows);
        for (var i = 0; i < input.Length; i++)
        {
            if (input[i] is not { } pair)
                continue;
            input[i] = (pair.Keys.index_select(0, rows).DetachFromDisposeScope(), pair.Values.index_select(0, rows).DetachFromDisposeScope());
            pair.Keys.Dispose();
            pair.Values.Dispose();
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Own.Dispose();
        foreach (var pair in input)
        {
            pair?.Keys.Dispose();
            pair?.Values.Dispose();
        }
    }
}
