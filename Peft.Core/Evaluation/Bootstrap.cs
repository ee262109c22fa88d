namespace Peft.Core.Evaluation;

/// <summary>
/// Percentile bootstrap: the units of an evaluation (records) are drawn again with replacement, the score is computed anew each time, and the
/// middle 95 % of the scores are the interval. Source: Efron 1979; percentiles as numpy's linear interpolation.
/// </summary>
public static class Bootstrap
{
    /// <summary>The interval of a score.</summary>
    /// <param name="units">Number of records.</param>
    /// <param name="score">Score of a resample, given as indices of records.</param>
    /// <param name="seed">Makes the interval repeatable.</param>
    /// <param name="resamples">How often is drawn.</param>
    /// <param name="confidence">Share of the scores inside the interval, 0–1.</param>
    public static (double Low, double High) Interval(int units, Func<ReadOnlyMemory<int>, double> score, int seed = 42, int resamples = 1000, double confidence = 0.95)
    {
        ArgumentNullException.ThrowIfNull(score);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(units);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(resamples);
        var random = new Random(seed);
        var indices = new int[units];
        var scores = new double[resamples];
        for (var i = 0; i < resamples; i++)
        {
            for (var j = 0; j < units; j++)
                indices[j] = random.Next(units);
            scores[i] = score(indices);
        }

        return Interval(scores, confidence);
    }

    /// <summary>The interval of scores that were computed already.</summary>
    public static (double Low, double High) Interval(IEnumerable<double> scores, double confidence = 0.95)
    {
        var sorted = scores.Order().ToArray();
        var tail = (1 - confidence) / 2;
        return (Percentile(sorted, tail), Percentile(sorted, 1 - tail));
    }

    /// <summary>Percentile of sorted values by linear interpolation; <paramref name="share"/> is 0–1.</summary>
    public static double Percentile(IReadOnlyList<double> sorted, double share)
    {
        ArgumentNullException.ThrowIfNull(sorted);
        var position = share * (sorted.Count - 1);
        var below = (int)Math.Floor(position);
        var above = Math.Min(below + 1, sorted.Count - 1);
        return sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }
}
