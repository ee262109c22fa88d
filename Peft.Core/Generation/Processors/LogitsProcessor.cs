namespace Peft.Core.Generation.Processors;

/// <summary>Changes the scores of a row's next token before one is chosen.</summary>
internal abstract class LogitsProcessor
{
    /// <summary>Changes the scores in place.</summary>
    /// <param name="prompt">Which prompt of the batch the row belongs to.</param>
    /// <param name="ids">The row so far: prompt with its padding (or the decoder's start id) and what was written.</param>
    /// <param name="scores">Scores [V].</param>
    public abstract void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores);

    /// <summary>Keeps an id from being chosen.</summary>
    protected static void Forbid(Span<float> scores, long id)
    {
        if (id >= 0 && id < scores.Length)
            scores[(int)id] = float.NegativeInfinity;
    }
}
