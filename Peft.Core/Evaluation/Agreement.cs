namespace Peft.Core.Evaluation;

/// <summary>How far apart two values are for Krippendorff's alpha.</summary>
public enum AlphaLevel
{
    /// <summary>Names: equal or not.</summary>
    Nominal,

    /// <summary>Ranks: by how many values lie between.</summary>
    Ordinal,

    /// <summary>Numbers: by their difference.</summary>
    Interval,

    /// <summary>Amounts: by their difference relative to their sum.</summary>
    Ratio,
}

/// <summary>How much more a disagreement weighs for Cohen's kappa when labels are further apart in their order.</summary>
public enum KappaWeights
{
    /// <summary>Every disagreement alike.</summary>
    None,

    /// <summary>By the number of labels between.</summary>
    Linear,

    /// <summary>By its square.</summary>
    Quadratic,
}

/// <summary>
/// How far people who labelled the same items agree beyond chance: 1 is perfect, 0 chance. A measure is null where it is undefined, e.g. when
/// everybody always gives the same label.
/// </summary>
public static class Agreement
{
    /// <summary>Krippendorff's alpha; people may have left items out. Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.</summary>
    /// <param name="raters">What every person said of every item; null where nothing.</param>
    /// <param name="level">What the values are.</param>
    public static double? Alpha(IReadOnlyList<IReadOnlyList<double?>> raters, AlphaLevel level)
    {
        ArgumentNullException.ThrowIfNull(raters);
        var values = raters.SelectMany(row => row).OfType<double>().Distinct().Order().ToArray();
        var numbers = values.Select((value, i) => (value, i)).ToDictionary(pair => pair.value, pair => pair.i);
        var coincidences = new double[values.Length, values.Length];
        for (var item = 0; item < (raters.Count == 0 ? 0 : raters[0].Count); item++)
        {
            var said = raters.Select(row => row[item]).OfType<double>().Select(value => numbers[value]).ToArray();
            for (var a = 0; a < said.Length; a++)
            {
                for (var b = 0; b < said.Length; b++)
                {
                    if (a != b)
                        coincidences[said[a], said[b]] += 1.0 / (said.Length - 1);
                }
            }
        }

        var sums = Enumerable.Range(0, values.Length).Select(i => Enumerable.Range(0, values.Length).Sum(j => coincidences[i, j])).ToArray();
        var all = sums.Sum();
        var (observed, expected) = (0.0, 0.0);
        for (var i = 0; i < values.Length; i++)
        {
            for (var j = 0; j < values.Length; j++)
            {
                if (i == j)
                    continue;
                var distance = Distance(level, values, sums, i, j);
                observed += coincidences[i, j] * distance;
                expected += sums[i] * sums[j] / (all - 1) * distance;
            }
        }

        return expected > 0 ? 1 - (observed / expected) : null;
    }

    /// <summary>Cohen's kappa of two people. Labels are ordered by value for the weighted forms.</summary>
    /// <param name="first">Labels of the one.</param>
    /// <param name="second">Labels of the other, as many.</param>
    /// <param name="weights">What a disagreement weighs.</param>
    public static double? CohenKappa(IReadOnlyList<int> first, IReadOnlyList<int> second, KappaWeights weights = KappaWeights.None)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Count != second.Count)
            throw new ArgumentException($"{first.Count} and {second.Count} labels cannot be compared.", nameof(second));
        var labels = first.Concat(second).Distinct().Order().Select((label, i) => (label, i)).ToDictionary(pair => pair.label, pair => pair.i);
        double Weight(int a, int b) => weights switch
        {
            KappaWeights.None => a == b ? 0 : 1,
            KappaWeights.Linear => Math.Abs(a - b),
            _ => (double)(a - b) * (a - b),
        };
        var (left, right) = (first.Select(label => labels[label]).ToArray(), second.Select(label => labels[label]).ToArray());
        var observed = left.Zip(right, Weight).Sum();
        var expected = 0.0;
        foreach (var a in left.GroupBy(label => label))
        {
            foreach (var b in right.GroupBy(label => label))
                expected += Weight(a.Key, b.Key) * a.Count() * b.Count() / left.Length;
        }

        return expected > 0 ? 1 - (observed / expected) : null;
    }

    /// <summary>Fleiss' kappa of any number of people who labelled every item.</summary>
    /// <param name="raters">Labels of every person, item by item.</param>
    public static double? FleissKappa(IReadOnlyList<IReadOnlyList<int>> raters)
    {
        var (agreed, shares) = Table(raters);
        return BeyondChance(agreed, shares.Sum(share => share * share));
    }

    /// <summary>Randolph's kappa: chance is the same for every label that occurs, however often it does.</summary>
    /// <param name="raters">Labels of every person, item by item.</param>
    public static double? RandolphKappa(IReadOnlyList<IReadOnlyList<int>> raters)
    {
        var (agreed, shares) = Table(raters);
        return BeyondChance(agreed, 1.0 / shares.Count);
    }

    /// <summary>Share of pairs of people who give an item the same label, over all items; null without a pair.</summary>
    /// <param name="raters">Labels of every person, item by item.</param>
    public static double? PairwiseAgreement(IReadOnlyList<IReadOnlyList<int>> raters) => Table(raters).Agreed is var agreed && double.IsNaN(agreed) ? null : agreed;

    private static double? BeyondChance(double agreed, double chance) => chance < 1 && !double.IsNaN(agreed) ? (agreed - chance) / (1 - chance) : null;

    private static (double Agreed, IReadOnlyList<double> Shares) Table(IReadOnlyList<IReadOnlyList<int>> raters)
    {
        ArgumentNullException.ThrowIfNull(raters);
        var (people, items) = (raters.Count, raters.Count == 0 ? 0 : raters[0].Count);
        if (raters.Any(row => row.Count != items))
            throw new ArgumentException("Every person must have labelled every item.", nameof(raters));
        if (people < 2 || items == 0)
            return (double.NaN, [1]);
        var agreed = Enumerable.Range(0, items).Average(item =>
            raters.GroupBy(row => row[item]).Sum(same => (double)same.Count() * (same.Count() - 1)) / (people * (people - 1.0)));
        return (agreed, [.. raters.SelectMany(row => row).GroupBy(label => label).Select(same => (double)same.Count() / (people * items))]);
    }

    private static double Distance(AlphaLevel level, double[] values, double[] sums, int i, int j)
    {
        var (low, high) = i < j ? (i, j) : (j, i);
        var difference = level switch
        {
            AlphaLevel.Nominal => 1,
            AlphaLevel.Ordinal => Enumerable.Range(low, high - low + 1).Sum(k => sums[k]) - ((sums[low] + sums[high]) / 2),
            AlphaLevel.Interval => values[high] - values[low],
            _ => values[high] + values[low] is not 0 and var sum ? (values[high] - values[low]) / sum : 0,
        };
        return difference * difference;
    }
}
