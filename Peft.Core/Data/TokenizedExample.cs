namespace Peft.Core.Data;

/// <summary>A record as the trainer sees it: ids, of which some carry loss.</summary>
/// <param name="Ids">Prompt, answer and the ending id.</param>
/// <param name="PromptLength">Ids in front of the first that carries loss.</param>
/// <param name="CutTokens">Ids that the length limit took away.</param>
public sealed record TokenizedExample(int[] Ids, int PromptLength, int CutTokens = 0)
{
    /// <summary>Which ids carry loss; null means all from <see cref="PromptLength"/> on.</summary>
    public bool[]? Loss { get; init; }

    /// <summary>Number of ids.</summary>
    public int Length => Ids.Length;

    /// <summary>Ids that carry loss.</summary>
    public int LabelCount => Loss?.Count(learns => learns) ?? Ids.Length - PromptLength;

    /// <summary>An example with any pattern of ids that carry loss.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="loss">Which of them carry loss, as many.</param>
    /// <param name="cutTokens">Ids that the length limit took away.</param>
    public static TokenizedExample Of(int[] ids, bool[] loss, int cutTokens = 0)
    {
        ArgumentNullException.ThrowIfNull(ids);
        ArgumentNullException.ThrowIfNull(loss);
        var first = Array.IndexOf(loss, true);
        return first < 0 ? new TokenizedExample(ids, ids.Length, cutTokens)
            : loss.AsSpan(first).Contains(false) ? new TokenizedExample(ids, first, cutTokens) { Loss = loss }
            : new TokenizedExample(ids, first, cutTokens);
    }

    /// <summary>Whether an id carries loss.</summary>
    public bool Learns(int index) => Loss is { } loss ? loss[index] : index >= PromptLength;
}

/// <summary>What of a record is learnt.</summary>
public enum TrainOn
{
    /// <summary>The output; of a conversation everything that the assistant says.</summary>
    Answers,

    /// <summary>Of a conversation the assistant's last turn only.</summary>
    LastAnswer,

    /// <summary>Everything, what is asked as well.</summary>
    Everything,
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

    /// <summary>Prompt and answer lose their ends in proportion to their lengths; what is shorter than half the limit loses nothing.</summary>
    Proportional,
}
