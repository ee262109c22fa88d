using Bunit;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Datasets;

namespace Workbench.Client.Tests.Datasets;

public sealed class LengthHistogramTests : PagesContext
{
    private static readonly LengthCounts s_counts = new("m", 10, 10, [20, 40, 100], [5, 4, 1], 64);

    [Fact]
    public void Histogram_SaysWhatTheLimitCutsAndMovesIt()
    {
        var moved = new List<int>();
        var shown = Render<LengthHistogram>(parameters => parameters.Add(h => h.Counts, s_counts).Add(h => h.Limit, 50).Add(h => h.LimitChanged, (int limit) => moved.Add(limit)));

        Assert.Equal("50 tokens: cuts 1 of 10 records", shown.Find("[role=status]").TextContent);
        Assert.Equal(3, shown.FindAll("rect").Count);
        Assert.Single(shown.FindAll("rect.wb-bar-cut"));
        var slider = shown.Find("input[type=range]");
        Assert.Equal("50 tokens: cuts 1 of 10 records", slider.GetAttribute("aria-valuetext"));
        slider.Input("30");
        shown.Find("input[type=number]").Change("200");
        shown.Find("input[type=number]").Change("-3");
        Assert.Equal([30, 200], moved);
    }

    [Fact]
    public void Histogram_OfALimitThatCutsNothing_SaysSoAndWarnsBeyondTheBase()
    {
        var shown = Render<LengthHistogram>(parameters => parameters.Add(h => h.Counts, s_counts).Add(h => h.Limit, 120));

        Assert.Equal("120 tokens: cuts none of 10 records", shown.Find("[role=status]").TextContent);
        Assert.Contains("64", shown.Find("p.wb-warn").TextContent, StringComparison.Ordinal);
    }
}
