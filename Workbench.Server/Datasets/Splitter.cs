using Workbench.Client.Contracts;

namespace Workbench.Server.Datasets;

/// <summary>
/// Deals records to the splits by a seed. Records with the same input go to the same side: otherwise the test would ask for what was trained.
/// </summary>
public static class Splitter
{
    /// <param name="groups">For every record in order, the number of its group of equal inputs (0, 1, 2, … in order of appearance).</param>
    /// <param name="order">Shares and seed.</param>
    /// <returns>The split of every record.</returns>
    public static DatasetSplit[] Deal(IReadOnlyList<int> groups, SplitDataset order)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(order);
        var sizes = new int[groups.Count == 0 ? 0 : groups.Max() + 1];
        foreach (var group in groups)
            sizes[group]++;
        var shuffled = Enumerable.Range(0, sizes.Length).OrderBy(group => Mix(order.Seed, group)).ThenBy(group => group);
        var wantedTest = Share(groups.Count, order.Test);
        var wantedDev = Share(groups.Count, order.Dev);
        var side = new DatasetSplit[sizes.Length];
        var (test, dev) = (0, 0);
        foreach (var group in shuffled)
        {
            if (test < wantedTest)
                (side[group], test) = (DatasetSplit.Test, test + sizes[group]);
            else if (dev < wantedDev)
                (side[group], dev) = (DatasetSplit.Dev, dev + sizes[group]);
            else
                side[group] = DatasetSplit.Train;
        }

        return [.. groups.Select(group => side[group])];
    }

    private static int Share(int total, int percent) => (int)Math.Round(total * percent / 100.0, MidpointRounding.AwayFromZero);

    // A fixed mixing function instead of Random, whose sequence a later runtime may change. (SplitMix64, Steele et al. 2014)
    private static ulong Mix(int seed, int group)
    {
        var z = unchecked(((ulong)(uint)seed << 32) + ((ulong)group + 1) * 0x9E3779B97F4A7C15UL);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EBUL);
        return z ^ (z >> 31);
    }
}
