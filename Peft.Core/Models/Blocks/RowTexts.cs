using static TorchSharp.torch;

namespace Peft.Core.Models.Blocks;

/// <summary>
/// Where texts begin that share a row. The mask says it: instead of 1 for every real token it holds the number of the text the token belongs
/// to, 1, 2, …, and 0 for padding.
/// </summary>
/// <param name="Starts">Per row where each text begins, and the row's end; padding counts as a text.</param>
/// <param name="Longest">The longest text.</param>
internal sealed record RowTexts(int[][] Starts, int Longest)
{
    /// <summary>Number of the virtual tokens in front, which every text sees.</summary>
    public const long Everybody = -1;

    /// <summary>Reads a mask [B, T]; null when every row holds one text.</summary>
    public static RowTexts? Of(Tensor mask)
    {
        using var cpu = mask.to(ScalarType.Int64, CPU);
        using var contiguous = cpu.contiguous();
        var width = (int)contiguous.shape[1];
        var values = contiguous.data<long>().ToArray();
        if (!values.AsSpan().ContainsAnyExcept(0, 1))
            return null;
        var starts = new List<int[]>();
        var longest = 0;
        for (var row = 0; row < values.Length; row += width)
        {
            var found = new List<int> { 0 };
            for (var t = 1; t < width; t++)
            {
                if (values[row + t] != values[row + t - 1])
                    found.Add(t);
            }

            found.Add(width);
            longest = Math.Max(longest, Enumerable.Range(1, found.Count - 1).Where(i => values[row + found[i - 1]] > 0).Select(i => found[i] - found[i - 1]).DefaultIfEmpty(0).Max());
            starts.Add([.. found]);
        }

        return new RowTexts([.. starts], longest);
    }
}
