namespace Peft.Core.Tokenization.Batches;

/// <summary>One token of a row that goes into a model.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">The vocabulary's text; of a piece that the vocabulary lacks, the characters themselves.</param>
/// <param name="Type">Which text of a pair it belongs to, as the model is told (token_type_ids).</param>
/// <param name="Start">First UTF-16 unit of its own text (or word) that it covers.</param>
/// <param name="End">One past the last.</param>
/// <param name="Word">Index of the word it is a part of; null for what was put around a text.</param>
/// <param name="Sequence">0 or 1: which text it came from; null for what was put around texts.</param>
/// <param name="IsAdded">Whether it was put there: around a text or as padding (special_tokens_mask).</param>
/// <param name="IsAttended">False for padding (attention_mask).</param>
public readonly record struct RowToken(int Id, string Text, int Type, int Start, int End, int? Word, int? Sequence, bool IsAdded, bool IsAttended)
{
    /// <summary>The text or word that the places count in; null for what was put around texts.</summary>
    internal string? Source { get; init; }
}

/// <summary>
/// The tokens of a text or a pair of texts with what surrounds them, and the rows that were cut off. Source: Hugging Face tokenizers, Encoding.
/// </summary>
/// <param name="Tokens">The tokens.</param>
/// <param name="Overflowing">Rows of the same form that hold what truncation took away, with the wished overlap.</param>
public sealed record TokenRow(IReadOnlyList<RowToken> Tokens, IReadOnlyList<TokenRow> Overflowing)
{
    /// <summary>The ids.</summary>
    public int[] Ids => [.. Tokens.Select(token => token.Id)];

    internal static TokenRow Of(IReadOnlyList<RowToken> tokens) => new(tokens, []);

    /// <summary>Changes every token, those that were cut off as well; the function is told the place within the row.</summary>
    internal TokenRow Map(Func<RowToken, int, RowToken> change) => new([.. Tokens.Select(change)], [.. Overflowing.Select(row => row.Map(change))]);

    /// <summary>Keeps at most <paramref name="length"/> tokens; the rest becomes rows that overlap by <paramref name="stride"/>.</summary>
    /// <exception cref="PeftException">The overlap is not shorter than the rows.</exception>
    internal TokenRow Truncate(int length, int stride, bool left)
    {
        if (length >= Tokens.Count)
            return this;
        if (length == 0)
            return new TokenRow([], [this]);
        if (stride >= length)
            throw new PeftException($"stride {stride} must be less than the {length} tokens that are left beside the special ones.");
        var parts = new List<TokenRow>();
        if (left)
        {
            for (var end = Tokens.Count; ; end -= length - stride)
            {
                parts.Add(Of([.. Tokens.Skip(Math.Max(0, end - length)).Take(Math.Min(end, length))]));
                if (end <= length)
                    break;
            }
        }
        else
        {
            for (var start = 0; ; start += length - stride)
            {
                parts.Add(Of([.. Tokens.Skip(start).Take(length)]));
                if (start + length >= Tokens.Count)
                    break;
            }
        }

        return new TokenRow(parts[0].Tokens, [.. parts.Skip(1)]);
    }

    /// <summary>One row behind the other; what was cut off of either is combined with all of the other.</summary>
    internal static TokenRow Join(TokenRow first, TokenRow second)
    {
        var overflowing = new List<TokenRow>();
        foreach (var cut in first.Overflowing)
        {
            overflowing.Add(Of([.. cut.Tokens, .. second.Tokens]));
            overflowing.AddRange(second.Overflowing.Select(other => Of([.. cut.Tokens, .. other.Tokens])));
        }

        overflowing.AddRange(second.Overflowing.Select(other => Of([.. first.Tokens, .. other.Tokens])));
        return new TokenRow([.. first.Tokens, .. second.Tokens], overflowing);
    }

    /// <summary>Fills up to a length.</summary>
    internal TokenRow Pad(int length, RowToken pad, bool left)
    {
        var overflowing = Overflowing.Select(row => row.Pad(length, pad, left)).ToArray();
        var missing = Enumerable.Repeat(pad, Math.Max(0, length - Tokens.Count));
        return new TokenRow(left ? [.. missing, .. Tokens] : [.. Tokens, .. missing], overflowing);
    }
}
