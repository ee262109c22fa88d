using Peft.Core.Models;

namespace Peft.Core.Data;

/// <summary>
/// Several texts one after another in one row. Every text counts its positions from 0, sees itself alone, and its first token is predicted
/// by nothing, so the losses are those of the texts by themselves.
/// </summary>
/// <param name="Ids">Ids of all texts.</param>
/// <param name="Labels">Labels, −100 where no loss is wanted; never at the beginning of a text.</param>
/// <param name="Positions">Where each token stands in its text.</param>
/// <param name="Segments">Number of the text each token belongs to, from 1; 0 is padding.</param>
/// <param name="Starts">Where each text begins, and where the last one ends.</param>
public sealed record PackedRow(int[] Ids, int[] Labels, int[] Positions, int[] Segments, int[] Starts)
{
    /// <summary>The longest text of the row.</summary>
    public int LongestText => Enumerable.Range(1, Starts.Length - 1).Select(i => Starts[i] - Starts[i - 1]).DefaultIfEmpty(0).Max();

    /// <summary>Joins texts.</summary>
    /// <param name="examples">The texts in their order.</param>
    public static PackedRow Of(IEnumerable<TokenizedExample> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var (ids, labels, positions, segments, starts) = (new List<int>(), new List<int>(), new List<int>(), new List<int>(), new List<int> { 0 });
        foreach (var example in examples)
        {
            for (var t = 0; t < example.Length; t++)
            {
                ids.Add(example.Ids[t]);
                labels.Add(t > 0 && example.Learns(t) ? example.Ids[t] : (int)CausalLoss.Ignored);
                positions.Add(t);
                segments.Add(starts.Count);
            }

            starts.Add(ids.Count);
        }

        return new PackedRow([.. ids], [.. labels], [.. positions], [.. segments], [.. starts]);
    }

    /// <summary>The row filled up on the right; the padding counts its own positions from 0.</summary>
    /// <param name="width">Width to fill to.</param>
    /// <param name="padId">Id of the padding.</param>
    public PackedRow Padded(int width, int padId)
    {
        var missing = width - Ids.Length;
        return this with
        {
            Ids = [.. Ids, .. Enumerable.Repeat(padId, missing)],
            Labels = [.. Labels, .. Enumerable.Repeat((int)CausalLoss.Ignored, missing)],
            Positions = [.. Positions, .. Enumerable.Range(0, missing)],
            Segments = [.. Segments, .. Enumerable.Repeat(0, missing)],
        };
    }
}
