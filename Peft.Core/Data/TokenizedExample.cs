namespace Peft.Core.Data;

/// <summary>A record as the trainer sees it: ids, of which those from <see cref="PromptLength"/> on carry loss.</summary>
/// <param name="Ids">Prompt, answer and the ending id.</param>
/// <param name="PromptLength">Ids of the prompt, which carry no loss.</param>
/// <param name="CutTokens">Ids that the length limit took away.</param>
public sealed record TokenizedExample(int[] Ids, int PromptLength, int CutTokens = 0)
{
    /// <summary>Number of ids.</summary>
    public int Length => Ids.Length;

    /// <summary>Ids that carry loss.</summary>
    public int LabelCount => Ids.Length - PromptLength;
}

/// <summary>What happens to a record that is longer than the limit.</summary>
public enum CutPolicy
{
    /// <summary>An answer that does not fit is an error; a prompt loses the end of its text, never the tag in front of the answer.</summary>
    Error,

    /// <summary>As above, but an answer that does not fit is cut at its end, too.</summary>
    KeepOutput,

    /// <summary>As above, but the prompt loses its beginning.</summary>
    KeepOutputLeft,

    /// <summary>Prompt and answer are joined and cut at the end.</summary>
    Right,

    /// <summary>Prompt and answer are joined and cut at the beginning.</summary>
    Left,

    /// <summary>The record is left out.</summary>
    Drop,
}
