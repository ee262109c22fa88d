using Peft.Core.Models;

namespace Peft.Core.Data;

/// <summary>Where rows are filled up.</summary>
public enum PaddingSide
{
    /// <summary>Behind their last token.</summary>
    Right,

    /// <summary>In front of their first token.</summary>
    Left,
}

/// <summary>Puts rows of different lengths side by side. Source: transformers' padding collators.</summary>
/// <param name="Side">Where short rows are filled up.</param>
/// <param name="MultipleOf">The width is rounded up to a multiple of this.</param>
public sealed record RowPadding(PaddingSide Side = PaddingSide.Right, int MultipleOf = 1)
{
    /// <summary>Width for rows of some lengths.</summary>
    public int Width(IEnumerable<int> lengths) => (lengths.Max() + MultipleOf - 1) / MultipleOf * MultipleOf;

    /// <summary>Rows one after another, [rows · width].</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="width">Width of all of them.</param>
    /// <param name="fill">What fills the short ones.</param>
    public long[] Fill(IReadOnlyList<int[]> rows, int width, long fill)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var values = new long[rows.Count * width];
        Array.Fill(values, fill);
        for (var r = 0; r < rows.Count; r++)
        {
            var start = (r * width) + (Side == PaddingSide.Left ? width - rows[r].Length : 0);
            for (var t = 0; t < rows[r].Length; t++)
                values[start + t] = rows[r][t];
        }

        return values;
    }

    /// <summary>1 for real tokens and 0 for padding, [rows · width].</summary>
    /// <param name="lengths">Real tokens of each row.</param>
    /// <param name="width">Width of all of them.</param>
    public long[] Mask(IEnumerable<int> lengths, int width) => Fill([.. lengths.Select(length => Enumerable.Repeat(1, length).ToArray())], width, 0);

    /// <summary>
    /// Labels of a language model over whole texts: the ids themselves, but nothing is learnt where the padding id stands, not even where
    /// it ends a text.
    /// </summary>
    /// <param name="ids">Padded ids.</param>
    /// <param name="padId">The padding id.</param>
    public static long[] LanguageModelLabels(IEnumerable<long> ids, int padId)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return [.. ids.Select(id => id == padId ? CausalLoss.Ignored : id)];
    }
}
