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
    private Batch(Tensor inputIds, Tensor? attentionMask, Tensor labels, int tokens, int labelTokens)
    {
        InputIds = inputIds;
        AttentionMask = attentionMask;
        Labels = labels;
        Tokens = tokens;
        LabelTokens = labelTokens;
    }

    /// <summary>Ids [B, T], int64, on the model's device.</summary>
    public Tensor InputIds { get; }

    /// <summary>1 for real tokens, [B, T]; null when nothing is padded.</summary>
    public Tensor? AttentionMask { get; }

    /// <summary>Labels [B, T] on the CPU, −100 where no loss is wanted, not shifted.</summary>
    public Tensor Labels { get; }

    /// <summary>Tokens without padding.</summary>
    public int Tokens { get; }

    /// <summary>Tokens that carry loss.</summary>
    public int LabelTokens { get; }

    /// <summary>Puts examples together.</summary>
    /// <param name="examples">At least one.</param>
    /// <param name="padId">Id for the padding; hidden by the mask.</param>
    /// <param name="device">Where the model computes.</param>
    public static Batch Collate(IReadOnlyList<TokenizedExample> examples, int padId, Device device)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var (rows, width) = (examples.Count, examples.Max(e => e.Length));
        var (ids, mask, labels) = (new long[rows * width], new long[rows * width], new long[rows * width]);
        var (tokens, labelled) = (0, 0);
        for (var r = 0; r < rows; r++)
        {
            var example = examples[r];
            for (var t = 0; t < width; t++)
            {
                var at = (r * width) + t;
                var real = t < example.Length;
                ids[at] = real ? example.Ids[t] : padId;
                mask[at] = real ? 1 : 0;
                labels[at] = real && t >= example.PromptLength ? example.Ids[t] : CausalLoss.Ignored;
            }

            tokens += example.Length;
            labelled += example.LabelCount;
        }

        return new Batch(
            tensor(ids, rows, width, device: device),
            tokens == rows * width ? null : tensor(mask, rows, width, device: device),
            tensor(labels, rows, width),
            tokens,
            labelled);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        InputIds.Dispose();
        AttentionMask?.Dispose();
        Labels.Dispose();
    }
}
