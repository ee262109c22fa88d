namespace Peft.Core.Tokenization.Batches;

/// <summary>
/// Texts, pairs of texts and lists of words as rows of tokens: cut, surrounded and padded in the order in which Hugging Face does it. Thread-safe.
/// </summary>
public static class BatchEncoder
{
    /// <summary>Rows of texts or pairs.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="pairs">The second texts, as many as there are first ones; null for single texts.</param>
    /// <param name="options">How to cut and pad; null leaves rows as long as they are.</param>
    /// <exception cref="PeftException">Too little room beside the special tokens, or a padding token is missing.</exception>
    public static IReadOnlyList<TokenRow> EncodeBatch(
        this PretrainedTokenizer tokenizer, IReadOnlyList<string> texts, IReadOnlyList<string>? pairs = null, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new EncodeOptions();
        if (pairs is not null && pairs.Count != texts.Count)
            throw new PeftException($"There are {texts.Count} texts, but {pairs.Count} second texts.");
        var rows = texts.Select((text, i) => Finish(tokenizer, tokenizer.Row(text, 0), pairs is null ? null : tokenizer.Row(pairs[i], 1), options)).ToArray();
        return Padded(tokenizer, rows, options);
    }

    /// <summary>The row of a text or a pair. An empty second text counts as none, as it does in the reference.</summary>
    public static TokenRow EncodeRow(this PretrainedTokenizer tokenizer, string text, string? pair = null, EncodeOptions? options = null) =>
        EncodeBatch(tokenizer, [text], string.IsNullOrEmpty(pair) ? null : [pair], options)[0];

    /// <summary>The row of a text that is cut into words already: offsets count within each word.</summary>
    /// <exception cref="PeftException">The tokenizer's words depend on the space in front of them, which a list of words lacks.</exception>
    public static TokenRow EncodeWords(this PretrainedTokenizer tokenizer, IReadOnlyList<string> words, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(words);
        if (tokenizer.NeedsSpacesBetweenWords)
            throw new PeftException("This tokenizer's words begin with their space: set add_prefix_space to true in tokenizer_config.json to encode lists of words.");
        options ??= new EncodeOptions();
        var tokens = words.SelectMany((word, i) => tokenizer.Row(word, 0).Tokens.Select(token => token with { Word = i })).ToArray();
        return Padded(tokenizer, [Finish(tokenizer, TokenRow.Of(tokens), null, options)], options)[0];
    }

    private static TokenRow Finish(PretrainedTokenizer tokenizer, TokenRow first, TokenRow? second, EncodeOptions options)
    {
        if (options.Truncation != Truncation.None && (options.MaxLength ?? tokenizer.ModelMaxLength) is { } limit)
        {
            var room = limit - (options.AddSpecialTokens ? tokenizer.SpecialTokenCount(second is not null) : 0);
            if (room < 0)
                throw new PeftException($"max_length {limit} is too small: {limit - room} special tokens are put around the text.");
            (first, second) = Cut(first, second, room, options.Truncation, options.Stride, options.TruncateLeft ?? tokenizer.TruncatesLeft);
        }

        return tokenizer.Surround(first, second, options.AddSpecialTokens);
    }

    private static (TokenRow First, TokenRow? Second) Cut(TokenRow first, TokenRow? second, int room, Truncation which, int stride, bool left)
    {
        var (n1, n2) = (first.Tokens.Count, second?.Tokens.Count ?? 0);
        if (room == 0)
            return (first.Truncate(0, stride, left), second?.Truncate(0, stride, left));
        var over = n1 + n2 - room;
        if (over <= 0)
            return (first, second);
        if (which == Truncation.LongestFirst)
        {
            if (second is null)
                return (first.Truncate(room, stride, left), null);
            var (less, more) = (Math.Min(n1, n2), 0);
            more = less > room ? less : Math.Max(less, room - less);
            if (less + more > room)
                (less, more) = (room / 2, room / 2 + room % 2);
            var (keep1, keep2) = n1 > n2 ? (more, less) : (less, more);
            return (first.Truncate(keep1, stride, left), second.Truncate(keep2, stride, left));
        }

        if (which == Truncation.OnlySecond && second is null)
            throw new PeftException("Truncation error: the second text is to be cut, but there is none.");
        var target = which == Truncation.OnlyFirst ? n1 : n2;
        if (target <= over)
            throw new PeftException("Truncation error: Sequence to truncate too short to respect the provided max_length");
        return which == Truncation.OnlyFirst
            ? (first.Truncate(n1 - over, stride, left), second)
            : (first, second!.Truncate(n2 - over, stride, left));
    }

    private static TokenRow[] Padded(PretrainedTokenizer tokenizer, TokenRow[] rows, EncodeOptions options)
    {
        if (options.Padding == Padding.None || rows.Length == 0)
            return rows;
        var text = options.PadToken ?? tokenizer.PadToken;
        if (text is null || tokenizer.Id(text) is not { } id)
            throw new PeftException("Padding needs a pad_token, and tokenizer_config.json names none. Name one, e.g. the eos_token.");
        var longest = rows.Max(row => row.Tokens.Count);
        var length = options.Padding == Padding.Longest ? longest : options.MaxLength ?? tokenizer.ModelMaxLength ?? longest;
        if (options.PadToMultipleOf is > 0 and var multiple && length % multiple != 0)
            length += multiple - length % multiple;
        var pad = new RowToken(id, text, 0, 0, 0, null, null, IsAdded: true, IsAttended: false);
        return [.. rows.Select(row => row.Pad(length, pad, options.PadLeft ?? tokenizer.PadsLeft))];
    }
}
