namespace Peft.Core.Pretraining.Objectives;

/// <summary>
/// Span corruption of T5: stretches of the text are hidden, each behind a sentinel of its own; the output names every sentinel with what it
/// hides, and ends. Lengths of hidden and shown stretches are random partitions, the first stretch is shown, as in T5's
/// <c>random_spans_noise_mask</c>. https://arxiv.org/abs/1910.10683
/// </summary>
/// <param name="Sentinels">Ids of the sentinels, the first one's first.</param>
/// <param name="End">Id that ends input and output.</param>
/// <param name="Density">Share of the tokens that is hidden.</param>
/// <param name="MeanLength">Tokens of a stretch on average.</param>
public sealed record SpanCorruption(IReadOnlyList<int> Sentinels, int End, double Density, double MeanLength) : IObjective
{
    /// <inheritdoc />
    public int Room(int maxLength) => maxLength - 1;

    /// <inheritdoc />
    public PretrainingExample Make(ReadOnlySpan<int> tokens, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var (input, labels) = (new List<int>(tokens.Length + 1), new List<int>());
        if (tokens.Length < 2)
        {
            // Nothing can be hidden and shown at once: the whole is to be written.
            return new PretrainingExample([Sentinels[0], End], [Sentinels[0], .. tokens, End]);
        }

        var hidden = Math.Clamp((int)Math.Round(tokens.Length * Density), 1, tokens.Length - 1);
        var shown = tokens.Length - hidden;
        var spans = Math.Clamp((int)Math.Round(hidden / MeanLength), 1, Math.Min(Math.Min(hidden, shown), Sentinels.Count));
        var (hiddenLengths, shownLengths) = (Partition(hidden, spans, random), Partition(shown, spans, random));
        var at = 0;
        for (var i = 0; i < spans; i++)
        {
            input.AddRange(tokens.Slice(at, shownLengths[i]));
            at += shownLengths[i];
            input.Add(Sentinels[i]);
            labels.Add(Sentinels[i]);
            labels.AddRange(tokens.Slice(at, hiddenLengths[i]));
            at += hiddenLengths[i];
        }

        return new PretrainingExample([.. input, End], [.. labels, End]);
    }

    /// <summary>Splits a number into parts of at least one, every way being as likely as any other.</summary>
    private static int[] Partition(int total, int parts, Random random)
    {
        var cuts = Enumerable.Range(1, total - 1).ToArray();
        random.Shuffle(cuts);
        int[] ends = [.. cuts.Take(parts - 1).Order(), total];
        return [.. ends.Select((end, i) => end - (i == 0 ? 0 : ends[i - 1]))];
    }
}
