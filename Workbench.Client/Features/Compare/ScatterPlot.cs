using System.Globalization;

namespace Workbench.Client.Features.Compare;

/// <summary>A mark on an axis.</summary>
public sealed record ScatterTick(double At, double Value, string Label);

/// <summary>A point at its place, with its name where there is room.</summary>
public sealed record ScatterDot(CostPoint Point, double X, double Y, bool OnFront, double LabelX, double LabelY, string Anchor);

/// <summary>The quality-against-cost picture, laid out. Costs that span more than a factor of twenty are spread logarithmically.</summary>
public sealed record ScatterPlot(IReadOnlyList<ScatterDot> Dots, string Front, IReadOnlyList<ScatterTick> XTicks, IReadOnlyList<ScatterTick> YTicks, bool LogX)
{
    public const int Width = 720;
    public const int Height = 340;
    public const int Left = 70;
    public const int Right = 690;
    public const int Top = 16;
    public const int Bottom = 286;

    private const double LabelGap = 14;

    public static ScatterPlot Layout(IReadOnlyList<CostPoint> points, Better quality)
    {
        var logX = points.All(point => point.Cost > 0) && points.Max(point => point.Cost) > 20 * points.Min(point => point.Cost);
        double Lift(double cost) => logX ? Math.Log10(cost) : cost;
        var (x0, x1) = Padded(points.Select(point => Lift(point.Cost)));
        var (y0, y1) = Padded(points.Select(point => point.Quality));
        double X(double cost) => Left + (Lift(cost) - x0) / (x1 - x0) * (Right - Left);
        double Y(double value) => Bottom - (value - y0) / (y1 - y0) * (Bottom - Top);
        var front = Pareto.Front(points, quality);
        var line = string.Join(' ', front.Select(point => string.Create(CultureInfo.InvariantCulture, $"{X(point.Cost):0.#},{Y(point.Quality):0.#}")));
        var xTicks = (logX ? Decades(x0, x1) : Round(x0, x1, 5)).Select(value => new ScatterTick(X(value), value, "")).ToArray();
        var yTicks = Round(y0, y1, 5).Select(value => new ScatterTick(Y(value), value, value.ToString("0.###", CultureInfo.CurrentCulture))).ToArray();
        return new(Place(points, front, X, Y), front.Count > 1 ? line : "", xTicks, yTicks, logX);
    }

    private static List<ScatterDot> Place(IReadOnlyList<CostPoint> points, IReadOnlyList<CostPoint> front, Func<double, double> x, Func<double, double> y)
    {
        var dots = new List<ScatterDot>();
        foreach (var point in points.OrderBy(point => y(point.Quality)))
        {
            var (atX, atY) = (x(point.Cost), y(point.Quality));
            var toLeft = atX > (Left + Right) * 0.62;
            var labelX = toLeft ? atX - 11 : atX + 11;
            var labelY = atY + 4;
            // Names that would cover each other move down a line.
            while (dots.Any(other => Math.Abs(other.LabelY - labelY) < LabelGap && Math.Abs(other.LabelX - labelX) < 150))
                labelY += LabelGap;
            dots.Add(new(point, atX, atY, front.Contains(point), labelX, labelY, toLeft ? "end" : "start"));
        }

        return dots;
    }

    private static (double Low, double High) Padded(IEnumerable<double> values)
    {
        var all = values.ToArray();
        var (low, high) = (all.Min(), all.Max());
        var pad = high > low ? (high - low) * 0.12 : Math.Max(Math.Abs(high) * 0.2, 0.1);
        return (low >= 0 && low - pad < 0 ? 0 : low - pad, high + pad);
    }

    private static IEnumerable<double> Decades(double from, double to)
    {
        for (var exponent = (int)Math.Ceiling(from); exponent <= to; exponent++)
            yield return Math.Pow(10, exponent);
    }

    private static IEnumerable<double> Round(double from, double to, int count)
    {
        var raw = (to - from) / count;
        var scale = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = new[] { 1, 2, 5, 10 }.Select(factor => factor * scale).First(candidate => candidate >= raw * 0.999);
        for (var value = Math.Ceiling(from / step) * step; value <= to; value += step)
            yield return Math.Round(value, 10);
    }
}
