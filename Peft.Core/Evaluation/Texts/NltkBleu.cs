namespace Peft.Core.Evaluation.Texts;

/// <summary>
/// BLEU of token lists with the seven smoothings of Chen and Cherry 2014. Source: NLTK's <c>translate.bleu_score</c>, whose numbers these are,
/// 0–1.
/// </summary>
public static class NltkBleu
{
    private const int Orders = 4;

    // What stands for no match where nothing is smoothed: the smallest normal number.
    private const double Tiny = 2.2250738585072014e-308;

    /// <summary>Scores one sentence.</summary>
    /// <param name="references">Tokens of what it should be; at least one list.</param>
    /// <param name="hypothesis">Its tokens.</param>
    /// <param name="smoothing"><c>method0</c> (none) to <c>method7</c>.</param>
    /// <exception cref="PeftException">An unknown smoothing, or method6 for a sentence in which no run of three tokens is right.</exception>
    public static double Sentence(IReadOnlyList<IReadOnlyList<string>> references, IReadOnlyList<string> hypothesis, string smoothing = "method0")
    {
        ArgumentNullException.ThrowIfNull(references);
        ArgumentNullException.ThrowIfNull(hypothesis);
        var counts = Enumerable.Range(1, Orders + 1).Select(n => Precision(references, hypothesis, n)).ToArray();
        if (counts[0].Right == 0)
            return 0;
        var smoothed = Smooth(counts[..Orders], counts[Orders], hypothesis.Count, smoothing);
        return Combine(smoothed, Nearest(references, hypothesis.Count), hypothesis.Count);
    }

    /// <summary>Scores sentences together, without smoothing.</summary>
    /// <param name="pairs">References and hypothesis of every sentence, as tokens.</param>
    public static double Corpus(IReadOnlyList<(IReadOnlyList<IReadOnlyList<string>> References, IReadOnlyList<string> Hypothesis)> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var counts = Enumerable.Range(1, Orders).Select(n => pairs.Select(pair => Precision(pair.References, pair.Hypothesis, n))
            .Aggregate(new Share(0, 0), (sum, one) => new Share(sum.Right + one.Right, sum.All + one.All))).ToArray();
        return counts[0].Right == 0 ? 0 : Combine(
            Smooth(counts, new Share(0, 1), 0, "method0"),
            pairs.Sum(pair => Nearest(pair.References, pair.Hypothesis.Count)),
            pairs.Sum(pair => pair.Hypothesis.Count));
    }

    private static double[] Smooth(Share[] counts, Share next, int length, string smoothing)
    {
        var plain = counts.Select(share => share.Value).ToArray();
        switch (smoothing)
        {
            case "method0":
                return [.. counts.Select(share => share.Right == 0 ? Tiny : share.Value)];
            case "method1":
                return [.. counts.Select(share => share.Right == 0 ? 0.1 / share.All : share.Value)];
            case "method2":
                return [.. counts.Select((share, n) => n == 0 ? share.Value : (share.Right + 1.0) / (share.All + 1))];
            case "method3":
                return Halved(counts, _ => 1);
            case "method4":
                return length > 1 ? Halved(counts, _ => Math.Log(length) / 5) : plain;
            case "method5":
                return Averaged(plain, next.Value);
            case "method6":
                return Interpolated(counts, length);
            case "method7":
                return Averaged(length > 1 ? Halved(counts, _ => Math.Log(length) / 5) : plain, next.Value);
            default:
                throw new PeftException($"Smoothing '{smoothing}' of BLEU is not known; known are method0 to method7.");
        }
    }

    /// <summary>Every order without a match counts half as much as the one before.</summary>
    private static double[] Halved(Share[] counts, Func<int, double> part)
    {
        var times = 0;
        return [.. counts.Select((share, n) => share.Right > 0 ? share.Value : part(n) / (Math.Pow(2, ++times) * share.All))];
    }

    /// <summary>The mean of an order and its neighbours, the lower one already smoothed.</summary>
    private static double[] Averaged(double[] plain, double next)
    {
        var (smoothed, below) = (new double[plain.Length], plain[0] + 1);
        for (var n = 0; n < plain.Length; n++)
            below = smoothed[n] = (below + plain[n] + (n + 1 < plain.Length ? plain[n + 1] : next)) / 3;
        return smoothed;
    }

    /// <summary>From three tokens on, a guess from the two orders below counts like five n-grams.</summary>
    private static double[] Interpolated(Share[] counts, int length)
    {
        if (counts[2].Right == 0)
            throw new PeftException("Smoothing method6 of BLEU needs a run of three tokens that is right.");
        var smoothed = counts.Select(share => share.Value).ToArray();
        for (var n = 2; n < smoothed.Length; n++)
        {
            var guess = smoothed[n - 2] == 0 ? 0 : smoothed[n - 1] * smoothed[n - 1] / smoothed[n - 2];
            smoothed[n] = (counts[n].Right + (5 * guess)) / (Math.Max(0, length - n) + 5);
        }

        return smoothed;
    }

    private static double Combine(double[] precisions, int referenceLength, int length)
    {
        var penalty = length > referenceLength ? 1 : length == 0 ? 0 : Math.Exp(1 - ((double)referenceLength / length));
        return penalty * Math.Exp(precisions.Where(p => p > 0).Sum(p => Math.Log(p) / Orders));
    }

    private static int Nearest(IReadOnlyList<IReadOnlyList<string>> references, int length) =>
        references.Select(reference => reference.Count).OrderBy(other => Math.Abs(other - length)).ThenBy(other => other).First();

    private static Share Precision(IReadOnlyList<IReadOnlyList<string>> references, IReadOnlyList<string> hypothesis, int n)
    {
        var own = PythonText.Count(hypothesis, n);
        var wanted = references.Select(reference => PythonText.Count(reference, n)).ToArray();
        var right = own.Sum(pair => Math.Min(pair.Value, wanted.Max(counts => counts.GetValueOrDefault(pair.Key))));
        return new Share(right, Math.Max(1, own.Values.Sum()));
    }

    private readonly record struct Share(int Right, int All)
    {
        public double Value => (double)Right / All;
    }
}
