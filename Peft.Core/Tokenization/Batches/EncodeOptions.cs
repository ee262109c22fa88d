namespace Peft.Core.Tokenization.Batches;

/// <summary>How rows of a batch are made equally long.</summary>
public enum Padding
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>To the longest row.</summary>
    Longest,

    /// <summary>To <see cref="EncodeOptions.MaxLength"/>.</summary>
    MaxLength,
}

/// <summary>What is cut when a row is too long.</summary>
public enum Truncation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The longer text of a pair first.</summary>
    LongestFirst,

    /// <summary>The first text.</summary>
    OnlyFirst,

    /// <summary>The second text.</summary>
    OnlySecond,
}

/// <summary>How texts become rows; the names are those of Hugging Face's <c>tokenizer(…)</c>.</summary>
public sealed record EncodeOptions
{
    /// <summary>Whether to put around texts what the post-processor says.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>How rows are made equally long.</summary>
    public Padding Padding { get; init; }

    /// <summary>What is cut.</summary>
    public Truncation Truncation { get; init; }

    /// <summary>Tokens of a row, special ones included; null takes the model's own limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Tokens that a row which was cut off repeats of the one before.</summary>
    public int Stride { get; init; }

    /// <summary>Lengths are rounded up to a multiple of this.</summary>
    public int? PadToMultipleOf { get; init; }

    /// <summary>Whether padding goes in front; null takes the tokenizer's own side.</summary>
    public bool? PadLeft { get; init; }

    /// <summary>Whether the beginning is cut; null takes the tokenizer's own side.</summary>
    public bool? TruncateLeft { get; init; }

    /// <summary>Text of the padding token; null takes the tokenizer's own.</summary>
    public string? PadToken { get; init; }
}
