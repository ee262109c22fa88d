namespace Peft.Core.Evaluation;

/// <summary>Scores of one class, or their mean over classes; null where a ratio has nothing to divide by.</summary>
/// <param name="Precision">Share of the predictions that are right, 0–1.</param>
/// <param name="Recall">Share of the wanted that was found, 0–1.</param>
/// <param name="F1">2·tp / (predicted + wanted), 0–1.</param>
public readonly record struct PrecisionRecall(double? Precision, double? Recall, double? F1)
{
    /// <summary>The scores of counts.</summary>
    /// <param name="truePositives">Predicted and wanted.</param>
    /// <param name="predicted">Predicted.</param>
    /// <param name="wanted">Wanted.</param>
    public static PrecisionRecall Of(int truePositives, int predicted, int wanted) => new(
        predicted == 0 ? null : (double)truePositives / predicted,
        wanted == 0 ? null : (double)truePositives / wanted,
        predicted + wanted == 0 ? null : 2.0 * truePositives / (predicted + wanted));

    /// <summary>The weighted mean, in which an undefined score counts as 0; null when the weights sum to 0.</summary>
    public static PrecisionRecall Mean(IReadOnlyList<PrecisionRecall> scores, IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(weights);
        var total = weights.Sum();
        if (total == 0)
            return default;
        double Average(Func<PrecisionRecall, double?> part) => scores.Zip(weights, (score, weight) => (part(score) ?? 0) * weight).Sum() / total;
        return new PrecisionRecall(Average(score => score.Precision), Average(score => score.Recall), Average(score => score.F1));
    }

    /// <summary>The plain mean over classes, in which an undefined score counts as 0; null without classes.</summary>
    public static PrecisionRecall Mean(IReadOnlyList<PrecisionRecall> scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return Mean(scores, [.. scores.Select(_ => 1.0)]);
    }
}

/// <summary>Scores of one class.</summary>
/// <param name="Label">The class.</param>
/// <param name="Scores">Its scores.</param>
/// <param name="Support">How often it is wanted.</param>
public sealed record ClassScore(int Label, PrecisionRecall Scores, int Support);

/// <summary>Scores of a classification; the classes are those wanted or predicted at least once.</summary>
/// <param name="Accuracy">Share of the right answers, 0–1.</param>
/// <param name="BalancedAccuracy">Mean recall over the classes that are wanted, 0–1.</param>
/// <param name="Macro">Plain mean over classes.</param>
/// <param name="Micro">Over all decisions: with one class per example all three equal the accuracy.</param>
/// <param name="Weighted">Mean over classes weighted by support.</param>
/// <param name="Classes">Scores per class, by label.</param>
/// <param name="Confusion">Counts [wanted, predicted], in the order of <paramref name="Classes"/>.</param>
/// <param name="MatthewsCorrelation">−1 to 1; null when only one class is wanted or only one predicted.</param>
/// <param name="CohenKappa">Agreement beyond chance, up to 1; null when chance alone agrees always.</param>
public sealed record ClassificationReport(
    double Accuracy,
    double BalancedAccuracy,
    PrecisionRecall Macro,
    PrecisionRecall Micro,
    PrecisionRecall Weighted,
    IReadOnlyList<ClassScore> Classes,
    IReadOnlyList<IReadOnlyList<int>> Confusion,
    double? MatthewsCorrelation,
    double? CohenKappa)
{
    /// <summary>The scores of one class, undefined when it occurs nowhere: with label 1 the usual scores of a yes/no task.</summary>
    public PrecisionRecall Class(int label) => Classes.FirstOrDefault(score => score.Label == label)?.Scores ?? default;
}

/// <summary>Scores class ids as scikit-learn does, except that an undefined ratio is null and not 0.</summary>
public static class ClassificationScorer
{
    /// <summary>Scores the predictions of a split.</summary>
    /// <param name="wanted">Class ids wanted, one per example.</param>
    /// <param name="predicted">Class ids predicted, in the same order.</param>
    /// <exception cref="ArgumentException">No example, or lists of different length.</exception>
    public static ClassificationReport Score(IReadOnlyList<int> wanted, IReadOnlyList<int> predicted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(predicted);
        if (wanted.Count == 0 || wanted.Count != predicted.Count)
            throw new ArgumentException($"{wanted.Count} classes are wanted and {predicted.Count} predicted; there must be one of each for every example.", nameof(predicted));
        var labels = wanted.Concat(predicted).Distinct().Order().ToArray();
        var confusion = labels.Select(_ => new int[labels.Length]).ToArray();
        foreach (var (want, given) in wanted.Zip(predicted))
            confusion[Array.IndexOf(labels, want)][Array.IndexOf(labels, given)]++;

        var right = labels.Select((_, i) => confusion[i][i]).ToArray();
        var support = confusion.Select(row => row.Sum()).ToArray();
        var chosen = labels.Select((_, i) => confusion.Sum(row => row[i])).ToArray();
        var classes = labels.Select((label, i) => new ClassScore(label, PrecisionRecall.Of(right[i], chosen[i], support[i]), support[i])).ToArray();
        var scores = classes.Select(score => score.Scores).ToArray();
        return new ClassificationReport(
            (double)right.Sum() / wanted.Count,
            scores.Where(score => score.Recall is not null).Average(score => score.Recall!.Value),
            PrecisionRecall.Mean(scores),
            PrecisionRecall.Of(right.Sum(), wanted.Count, wanted.Count),
            PrecisionRecall.Mean(scores, [.. support.Select(count => (double)count)]),
            classes,
            confusion,
            Matthews(right.Sum(), wanted.Count, support, chosen),
            Kappa(right.Sum(), wanted.Count, support, chosen));
    }

    /// <summary>Gorodkin's R_K for any number of classes.</summary>
    private static double? Matthews(double right, double examples, int[] support, int[] predicted)
    {
        var chance = support.Zip(predicted, (s, p) => (double)s * p).Sum();
        var spread = ((examples * examples) - predicted.Sum(p => (double)p * p)) * ((examples * examples) - support.Sum(s => (double)s * s));
        return spread == 0 ? null : ((right * examples) - chance) / Math.Sqrt(spread);
    }

    private static double? Kappa(double right, double examples, int[] support, int[] predicted)
    {
        var chance = support.Zip(predicted, (s, p) => (double)s * p).Sum();
        var room = (examples * examples) - chance;
        return room == 0 ? null : ((right * examples) - chance) / room;
    }
}
