namespace Peft.Core.Generation.Processors;

/// <summary>Makes tokens that occurred less likely: positive scores are divided, negative ones multiplied. https://arxiv.org/abs/1909.05858</summary>
/// <param name="penalty">Above 1 discourages.</param>
/// <param name="ignored">Tokens at the start of a row that do not count.</param>
internal sealed class RepetitionPenalty(double penalty, int ignored = 0) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores) =>
        Scale(ids[Math.Min(ignored, ids.Length)..], (float)penalty, scores);

    internal static void Scale(ReadOnlySpan<long> ids, float penalty, Span<float> scores)
    {
        var seen = new HashSet<long>();
        foreach (var id in ids)
        {
            if (id < 0 || id >= scores.Length || !seen.Add(id))
                continue;
            ref var score = ref scores[(int)id];
            score = score < 0 ? score * penalty : score / penalty;
        }
    }
}

/// <summary>Makes tokens of the input likelier.</summary>
/// <param name="penalty">Above 1 encourages.</param>
/// <param name="inputs">The input of every prompt.</param>
internal sealed class EncoderRepetitionPenalty(double penalty, IReadOnlyList<long[]> inputs) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores) =>
        RepetitionPenalty.Scale(inputs[prompt], (float)(1 / penalty), scores);
}

/// <summary>OpenAI's penalties: a constant for tokens that were written, and one for every time they were.</summary>
/// <param name="presence">Taken once.</param>
/// <param name="frequency">Taken as often as the token occurs.</param>
/// <param name="ignored">Tokens at the start of a row that do not count: the prompt.</param>
internal sealed class PresenceFrequencyPenalty(double presence, double frequency, int ignored = 0) : LogitsProcessor
{
    public override void Apply(int prompt, ReadOnlySpan<long> ids, Span<float> scores)
    {
        var counts = new Dictionary<long, int>();
        foreach (var id in ids[Math.Min(ignored, ids.Length)..])
            counts[id] = counts.GetValueOrDefault(id) + 1;
        foreach (var (id, count) in counts)
        {
            if (id >= 0 && id < scores.Length)
                scores[(int)id] -= (float)(presence + (count * frequency));
        }
    }
}
