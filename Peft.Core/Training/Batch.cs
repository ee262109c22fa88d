using Peft.Core.Data;
using Peft.Core.Models;
using static TorchSharp.torch;

namespace Peft.Core.Training;

/// <summary>
/// Examples side by side, padded on the right to the longest of them. Labels stay on the CPU: the loss looks there for the positions that
/// count before it asks the device for anything.
/// </summary>
public sealed class Batch : IDisposable
{
    private Batch(Tensor inputIds, Tensor? attentionMask, Tensor labels, int tokens, int labelTokens, Tensor? positions = null)
    {
        InputIds = inputIds;
        AttentionMask = attentionMask;
        Labels = labels;
        Tokens = tokens;
        LabelTokens = labelTokens;
        Positions = positions;
    }

    /// <summary>Ids [B, T], int64, on the model's device.</summary>
    public Tensor InputIds { get; }

    /// <summary>
    /// 1 for real tokens, [B, T]; null when nothing is padded. Where rows hold several examples, the number of the example from 1.
    /// </summary>
    public Tensor? AttentionMask { get; }

    /// <summary>Where each token stands in its example, [B, T]; null where rows hold one example each.</summary>
    public Tensor? Positions { get; }

    /// <summary>Labels [B, T] on the CPU, −100 where no loss is wanted, not shifted.</summary>
    public Tensor Labels { get; }

    /// <summary>Tokens without padding.</summary>
    public int Tokens { get; }

    /// <summary>Tokens that carry loss.</summary>
    public int LabelTokens { get; }

    /// <summary>Puts examples together, one a row.</summary>
    /// <param name="examples">At least one.</param>
    /// <param name="padId">Id for the padding; hidden by the mask.</param>
    /// <param name="device">Where the model computes.</param>
    public static Batch Collate(IReadOnlyList<TokenizedExample> examples, int padId, Device device)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var padding = new RowPadding();
        var (rows, width) = (examples.Count, padding.Width(examples.Select(e => e.Length)));
        var tokens = examples.Sum(e => e.Length);
        var labels = examples.Select(e => e.Ids.Select((id, t) => e.Learns(t) ? id : (int)CausalLoss.Ignored).ToArray()).ToArray();
        return new Batch(
            tensor(padding.Fill([.. examples.Select(e => e.Ids)], width, padId), rows, width, device: device),
            tokens == rows * width ? null : tensor(padding.Mask(examples.Select(e => e.Length), width), rows, width, device: device),
            tensor(padding.Fill(labels, width, CausalLoss.Ignored), rows, width),
            tokens,
            examples.Sum(e => e.LabelCount));
    }

    /// <summary>Puts examples together, several a row; each sees itself alone and counts its positions from 0.</summary>
    /// <param name="examples">The examples of every row, at least one each.</param>
    /// <param name="padId">Id for the padding; hidden by the mask.</param>
    /// <param name="device">Where the model computes.</param>
    public static Batch Pack(IReadOnlyList<IReadOnlyList<TokenizedExample>> examples, int padId, Device device)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var packed = examples.Select(PackedRow.Of).ToArray();
        var width = packed.Max(row => row.Ids.Length);
        var rows = packed.Select(row => row.Padded(width, padId)).ToArray();
        long[] Flat(Func<PackedRow, int[]> part) => [.. rows.SelectMany(part).Select(value => (long)value)];
        return new Batch(
            tensor(Flat(row => row.Ids), rows.Length, width, device: device),
            tensor(Flat(row => row.Segments), rows.Length, width, device: device),
            tensor(Flat(row => row.Labels), rows.Length, width),
            packed.Sum(row => row.Ids.Length),
            examples.Sum(row => row.Sum(e => e.LabelCount)),
            tensor(Flat(row => row.Positions), rows.Length, width, device: device));
    }

    /// <inheritdoc />
    public void Dispose()
    {
        InputIds.Dispose();
        AttentionMask?.Dispose();
        Positions?.Dispose();
        Labels.Dispose();
    }
}
