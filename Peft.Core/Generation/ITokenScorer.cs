using static TorchSharp.torch;

namespace Peft.Core.Generation;

/// <summary>
/// A model that writes on, as searches see it: it remembers the rows it has read. Tensors are made in the caller's dispose scope.
/// </summary>
internal interface ITokenScorer : IDisposable
{
    /// <summary>Reads the prompts; scores of the token behind each, [B, V].</summary>
    Tensor Start();

    /// <summary>Reads one more token per row; scores of the token behind it, [rows, V].</summary>
    Tensor Next(IReadOnlyList<long> ids);

    /// <summary>Goes on with these rows, in that order; a row may be named more than once.</summary>
    void KeepRows(IReadOnlyList<int> rows);
}

/// <summary>Decides whether a row has ended for another reason than its last id or its length.</summary>
public interface IStopCondition
{
    /// <summary>Whether the row ends here.</summary>
    /// <param name="written">The new tokens of the row, the last one included.</param>
    bool Ends(IReadOnlyList<long> written);
}

/// <summary>What was written.</summary>
/// <param name="Sequences">New tokens per answer, the ending id included, without prompt and padding; the answers of a prompt follow one another.</param>
/// <param name="Scores">Score of every answer of a beam search; null for other searches.</param>
public sealed record GenerationResult(long[][] Sequences, float[]? Scores);

/// <summary>What a search works on.</summary>
/// <param name="Prompts">The rows as processors see them: prompts with padding, or the decoder's start id.</param>
/// <param name="Inputs">What each prompt reads: the encoder's input, or the prompt itself.</param>
/// <param name="Options">What was asked for.</param>
/// <param name="Device">Where scores are.</param>
/// <param name="Stop">A further reason to end a row.</param>
/// <param name="OnToken">Called after every step with one id per answer; −1 for those that have ended.</param>
internal sealed record SearchRequest(
    IReadOnlyList<long[]> Prompts, IReadOnlyList<long[]> Inputs, GenerationOptions Options, Device Device, IStopCondition? Stop, Action<long[]>? OnToken)
{
    private readonly HashSet<long> endings = [.. Options.EosTokenIds.Select(id => (long)id)];

    /// <summary>Tokens of a prompt, padding included.</summary>
    public int PromptLength => Prompts[0].Length;

    /// <summary>New tokens per row at most.</summary>
    public int Room => Options.Room(PromptLength);

    /// <summary>Whether a row ends with its last token.</summary>
    public bool Ends(IReadOnlyList<long> written) => endings.Contains(written[^1]) || Stop?.Ends(written) == true;

    /// <summary>Follows one path per answer, or several per prompt.</summary>
    public GenerationResult Run(ITokenScorer scorer, CancellationToken cancellation)
    {
        using var choice = new TokenChoice(Options, Processors.ProcessorChain.Of(Options, PromptLength, Room, Inputs), Device);
        return Options.NumBeams > 1 ? new BeamSearch(this, scorer, choice).Run(cancellation) : new PathSearch(this, scorer, choice).Run(cancellation);
    }
}
