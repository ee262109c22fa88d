namespace Peft.Core.Evaluation.Texts;

/// <summary>How BLEU is computed.</summary>
public sealed record BleuOptions
{
    /// <summary>One of <see cref="BleuTokenizer.Names"/>.</summary>
    public string Tokenize { get; init; } = "13a";

    /// <summary>Whether upper and lower case are the same.</summary>
    public bool Lowercase { get; init; }

    /// <summary>What an order without a match counts: <c>exp</c> (half as much each time), <c>floor</c> (0.1 match), <c>add-k</c> (1 more of everything), <c>none</c>.</summary>
    public string SmoothMethod { get; init; } = "exp";

    /// <summary>Whether orders that the text is too short for are left out; meant for single sentences.</summary>
    public bool EffectiveOrder { get; init; }
}

/// <summary>A BLEU score and what it is made of.</summary>
/// <param name="Score">0–100.</param>
/// <param name="Precisions">Share of n-grams found in a reference, per order, 0–100.</param>
/// <param name="BrevityPenalty">Below 1 where the texts are shorter than their references.</param>
/// <param name="Length">Words of the texts.</param>
/// <param name="ReferenceLength">Words of the references that are nearest in length.</param>
/// <param name="Counts">N-grams found, per order.</param>
/// <param name="Totals">N-grams, per order.</param>
public sealed record BleuScore(
    double Score, IReadOnlyList<double> Precisions, double BrevityPenalty, int Length, int ReferenceLength, IReadOnlyList<double> Counts, IReadOnlyList<double> Totals);

/// <summary>
/// BLEU over a corpus: geometric mean of the n-gram precisions up to four words, times a penalty for brevity. Source: sacrebleu.
/// </summary>
public static class BleuScorer
{
    private const int Orders = 4;

    /// <summary>Scores one sentence; orders that it is too short for are left out.</summary>
    /// <param name="hypothesis">The text.</param>
    /// <param name="references">What it should be; at least one.</param>
    /// <param name="options">How.</param>
    public static BleuScore Sentence(string hypothesis, IReadOnlyList<string> references, BleuOptions? options = null) =>
        Corpus([(hypothesis, references)], (options ?? new BleuOptions()) with { EffectiveOrder = true });

    /// <summary>Scores texts together.</summary>
    /// <param name="pairs">Every text with its references, at least one each.</param>
    /// <param name="options">How.</param>
    /// <exception cref="PeftException">An option that is not known.</exception>
    public static BleuScore Corpus(IEnumerable<(string Hypothesis, IReadOnlyList<string> References)> pairs, BleuOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        options ??= new BleuOptions();
        if (options.SmoothMethod is not ("exp" or "floor" or "add-k" or "none"))
            throw new PeftException($"Smoothing '{options.SmoothMethod}' of BLEU is not known; known are exp, floor, add-k, none.");
        var (counts, totals) = (new double[Orders], new double[Orders]);
        var (length, referenceLength) = (0, 0);
        foreach (var (hypothesis, references) in pairs)
        {
            var words = Words(hypothesis, options);
            var wanted = references.Select(reference => Words(reference, options)).ToArray();
            length += words.Count;
            referenceLength += wanted.Select(reference => reference.Count).OrderBy(other => Math.Abs(other - words.Count)).ThenBy(other => other).First();
            for (var n = 1; n <= Orders; n++)
            {
                var best = new Dictionary<string, int>(StringComparer.Ordinal);
                foreach (var (gram, count) in wanted.SelectMany(reference => PythonText.Count(reference, n)))
                    best[gram] = Math.Max(best.GetValueOrDefault(gram), count);
                var own = PythonText.Count(words, n);
                counts[n - 1] += PythonText.Common(own, best);
                totals[n - 1] += own.Values.Sum();
            }
        }

        return Compute(counts, totals, length, referenceLength, options);
    }

    private static IReadOnlyList<string> Words(string text, BleuOptions options) =>
        BleuTokenizer.Tokenize(options.Lowercase ? text.ToLowerInvariant() : text, options.Tokenize);

    private static BleuScore Compute(double[] counts, double[] totals, int length, int referenceLength, BleuOptions options)
    {
        var penalty = length >= referenceLength ? 1 : length > 0 ? Math.Exp(1 - ((double)referenceLength / length)) : 0;
        var precisions = new double[Orders];
        if (counts.All(count => count == 0))
            return new BleuScore(0, precisions, penalty, length, referenceLength, counts, totals);
        var (halving, orders) = (1.0, Orders);
        for (var n = 0; n < Orders; n++)
        {
            if (options.SmoothMethod == "add-k" && n > 0)
            {
                counts[n]++;
                totals[n]++;
            }

            if (totals[n] == 0)
                break;
            if (options.EffectiveOrder)
                orders = n + 1;
            if (counts[n] > 0)
                precisions[n] = 100 * counts[n] / totals[n];
            else if (options.SmoothMethod == "exp")
                precisions[n] = 100 / ((halving *= 2) * totals[n]);
            else if (options.SmoothMethod == "floor")
                precisions[n] = 100 * 0.1 / totals[n];
        }

        var used = precisions.Take(orders).ToArray();
        var score = used.Any(precision => precision == 0) ? 0 : penalty * Math.Exp(used.Sum(Math.Log) / orders);
        return new BleuScore(score, precisions, penalty, length, referenceLength, counts, totals);
    }
}
