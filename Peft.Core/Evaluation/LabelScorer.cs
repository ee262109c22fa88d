namespace Peft.Core.Evaluation;

/// <summary>Scores of labels.</summary>
/// <param name="Accuracy">Share of the texts (0–1) whose labels are exactly right.</param>
/// <param name="MacroF1">Mean F1 over the labels that occur among wanted or given ones; a label that is never right counts 0.</param>
/// <param name="MicroF1">F1 over all labels of all texts together; null when there are none at all.</param>
public sealed record LabelScores(double Accuracy, double MacroF1, double? MicroF1);

/// <summary>Scores labels of texts by name, any number of them each, as scikit-learn does, with 0 where a ratio is undefined.</summary>
public static class LabelScorer
{
    /// <summary>Scores texts with any number of labels each.</summary>
    /// <param name="wanted">Labels wanted, per text.</param>
    /// <param name="given">Labels given, per text.</param>
    public static LabelScores Score(IReadOnlyList<IReadOnlyList<string>> wanted, IReadOnlyList<IReadOnlyList<string>> given)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(given);
        ArgumentOutOfRangeException.ThrowIfZero(wanted.Count, nameof(wanted));
        var counts = new Dictionary<string, TripleCounts>(StringComparer.Ordinal);
        var exact = 0;
        for (var i = 0; i < wanted.Count; i++)
        {
            var (gold, said) = (wanted[i].ToHashSet(StringComparer.Ordinal), given[i].ToHashSet(StringComparer.Ordinal));
            exact += gold.SetEquals(said) ? 1 : 0;
            foreach (var label in gold.Union(said))
            {
                var (isGold, isSaid) = (gold.Contains(label), said.Contains(label));
                counts[label] = counts.GetValueOrDefault(label) + new TripleCounts(isGold && isSaid ? 1 : 0, isSaid ? 1 : 0, isGold ? 1 : 0);
            }
        }

        return new LabelScores(
            (double)exact / wanted.Count,
            counts.Count == 0 ? 0 : counts.Values.Average(count => count.F1 ?? 0),
            counts.Values.Aggregate(default(TripleCounts), TripleCounts.Add).F1);
    }

    /// <summary>Mean squared difference.</summary>
    public static double MeanSquaredError(IReadOnlyList<double> wanted, IReadOnlyList<double> given) =>
        wanted.Zip(given, (w, g) => (w - g) * (w - g)).Average();

    /// <summary>Pearson's correlation; null when one side does not vary.</summary>
    public static double? Pearson(IReadOnlyList<double> wanted, IReadOnlyList<double> given)
    {
        var (left, right) = (wanted.Average(), given.Average());
        var product = wanted.Zip(given, (w, g) => (w - left) * (g - right)).Sum();
        var spread = Math.Sqrt(wanted.Sum(w => (w - left) * (w - left)) * given.Sum(g => (g - right) * (g - right)));
        return spread > 0 ? product / spread : null;
    }
}
