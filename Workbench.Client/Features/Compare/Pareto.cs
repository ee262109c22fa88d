namespace Workbench.Client.Features.Compare;

/// <summary>A run in the quality-against-cost picture. Quality is turned so that more is better.</summary>
public sealed record CostPoint(string Run, string Label, int Color, double Cost, double Quality);

/// <summary>Runs that no other run beats in both quality and cost.</summary>
public static class Pareto
{
    /// <summary>The line from the cheapest to the best, by rising cost.</summary>
    public static IReadOnlyList<CostPoint> Front(IEnumerable<CostPoint> points, Better quality)
    {
        var sign = quality == Better.Higher ? 1 : -1;
        var front = new List<CostPoint>();
        foreach (var point in points.OrderBy(point => point.Cost).ThenByDescending(point => sign * point.Quality))
        {
            if (front.Count == 0 || sign * point.Quality > sign * front[^1].Quality)
                front.Add(point);
        }

        return front;
    }
}
