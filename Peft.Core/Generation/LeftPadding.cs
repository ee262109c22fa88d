using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>The left padding of the rows that are still being written.</summary>
internal sealed class LeftPadding
{
    private readonly bool any;
    private readonly int prompt;
    private int filled;
    private long[] pads;

    /// <param name="mask">1 for real tokens, 0 for padding, [B, T]; null means no padding.</param>
    /// <param name="prompt">T.</param>
    /// <exception cref="PeftException">An empty row, or padding behind a text.</exception>
    public LeftPadding(Tensor? mask, int prompt)
    {
        filled = this.prompt = prompt;
        pads = mask is null ? [] : Count(mask);
        any = pads.Any(p => p > 0);
    }

    /// <summary>Positions of the prompt's tokens [B, T], pads at 0; null when no row is padded.</summary>
    public Tensor? PromptPositions
    {
        get
        {
            if (!any)
                return null;
            var positions = new long[pads.Length * prompt];
            for (var r = 0; r < pads.Length; r++)
            {
                for (var t = 0; t < prompt; t++)
                    positions[(r * prompt) + t] = Math.Max(0, t - pads[r]);
            }

            return tensor(positions, pads.Length, prompt);
        }
    }

    /// <summary>Makes room for one more token and returns its position per row [B, 1]; null when no row is padded.</summary>
    public Tensor? Advance()
    {
        var position = filled++;
        return any ? tensor(pads.Select(p => position - p).ToArray(), pads.Length, 1) : null;
    }

    /// <summary>Mask [B, filled] over all filled positions; null when no row is padded.</summary>
    public Tensor? Mask()
    {
        if (!any)
            return null;
        var mask = new long[pads.Length * filled];
        for (var r = 0; r < pads.Length; r++)
            Array.Fill(mask, 1, (r * filled) + (int)pads[r], filled - (int)pads[r]);
        return tensor(mask, pads.Length, filled);
    }

    /// <summary>Keeps these rows, in that order.</summary>
    public void KeepRows(IReadOnlyList<int> rows)
    {
        if (pads.Length > 0)
            pads = [.. rows.Select(r => pads[r])];
    }

    private static long[] Count(Tensor mask)
    {
        using var cpu = mask.to(ScalarType.Int64, CPU);
        using var contiguous = cpu.contiguous();
        var width = (int)contiguous.shape[1];
        var flat = contiguous.data<long>().ToArray();
        var pads = new long[contiguous.shape[0]];
        for (var r = 0; r < pads.Length; r++)
        {
            var row = flat.AsSpan(r * width, width);
            var first = row.IndexOfAnyExcept(0L);
            if (first < 0)
                throw new PeftException($"Row {r} of the batch to generate from is empty.");
            if (row[first..].Contains(0L))
                throw new PeftException($"Row {r} of the batch has padding behind its text; pad prompts on the left to generate.");
            pads[r] = first;
        }

        return pads;
    }
}
