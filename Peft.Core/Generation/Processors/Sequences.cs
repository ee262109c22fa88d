namespace Peft.Core.Generation.Processors;

/// <summary>Adds scores to the last token of sequences whose other tokens were just written.</summary>
internal class SequenceBiases(IReadOnlyList<SequenceBias> biases) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        // Biases of one token add up before they meet the score, as the reference computes it.
        var sums = new Dictionary<int, float>();
        foreach (var (sequence, bias) in biases)
        {
            if (IsNext(sequence, ids) && sequence[^1] < scores.Length)
                sums[sequence[^1]] = sums.GetValueOrDefault(sequence[^1]) + (float)bias;
        }

        foreach (var (id, sum) in sums)
            scores[id] += sum;
    }

    /// <summary>Whether all but the last id were just written. The reference ignores sequences longer than the row, even where all but the last would fit.</summary>
    private static bool IsNext(IReadOnlyList<int> sequence, ReadOnlySpan<long> ids)
    {
        if (sequence.Count == 1)
            return true;
        if (sequence.Count > ids.Length)
            return false;
        var last = ids[(ids.Length - (sequence.Count - 1))..];
        for (var i = 0; i < last.Length; i++)
        {
            if (last[i] != sequence[i])
                return false;
        }

        return true;
    }
}

/// <summary>Keeps sequences from being completed. A word that is an ending alone stays allowed.</summary>
internal sealed class NoBadWords(IReadOnlyList<IReadOnlyList<int>> words, IReadOnlyList<int> endings) : SequenceBiases(
    [.. words.Where(word => word.Count > 1 || !endings.Contains(word[0])).Select(word => new SequenceBias(word, double.NegativeInfinity))]);

/// <summary>Ids that are never chosen.</summary>
internal sealed class SuppressTokens(IReadOnlyList<int> tokens) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        foreach (var id in tokens)
            Forbid(scores, id);
    }
}

/// <summary>Ids that are not chosen first.</summary>
/// <param name="tokens">The ids.</param>
/// <param name="begin">Length of a row whose next token is its first.</param>
internal sealed class SuppressTokensAtBegin(IReadOnlyList<int> tokens, int begin) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        if (ids.Length != begin)
            return;
        foreach (var id in tokens)
            Forbid(scores, id);
    }
}
