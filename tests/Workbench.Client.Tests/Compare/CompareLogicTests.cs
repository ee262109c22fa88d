using Workbench.Client.Contracts;
using Workbench.Client.Features.Charts;
using Workbench.Client.Features.Compare;
using Workbench.Client.Tests.Runs;

namespace Workbench.Client.Tests.Compare;

public sealed class CompareLogicTests
{
    [Fact]
    public void State_ThroughTheAddress_ComesBackTheSame()
    {
        var state = new CompareState
        {
            Runs = ["a", "b"], Axis = ChartAxis.Time, Smoothing = 0.25, Log = true, Fit = ChartFit.Bulk, Curves = CompareCurves.Eval, DifferencesOnly = true, CostAxis = "adapterBytes",
            QualityAxis = "devLoss", Range = new(1.5, 20),
        };

        var back = CompareState.Parse(state.ToQuery());

        Assert.Equal(state.Runs, back.Runs);
        Assert.Equal(state with { Runs = back.Runs }, back);
    }

    [Theory]
    [InlineData("?runs=a&smooth=NaN&x=up&cost=f1&from=5&to=2")]
    [InlineData("?runs=a&&=&smooth=")]
    public void Parse_NonsenseInTheAddress_FallsBackToDefaults(string query)
    {
        var state = CompareState.Parse(query);

        Assert.Equal(new CompareState { Runs = state.Runs }, state);
        Assert.Equal(["a"], state.Runs);
    }

    [Fact]
    public void Best_LowerIsBetter_MarksTheSmallest()
    {
        RunSummary[] runs = [Samples.Run("a", f1: 0.6, trainable: 300), Samples.Run("b", f1: 0.5, trainable: 20), Samples.Run("c")];

        Assert.Equal([1], ResultRows.Of(ResultRows.TrainableParams).Best(runs));
        Assert.Equal([0], ResultRows.Of(ResultRows.F1).Best(runs));
    }

    [Fact]
    public void Best_AllEqualOrAlone_MarksNone()
    {
        Assert.Empty(ResultRows.Of(ResultRows.F1).Best([Samples.Run("a", f1: 0.6), Samples.Run("b", f1: 0.6)]));
        Assert.Empty(ResultRows.Of(ResultRows.F1).Best([Samples.Run("a", f1: 0.6), Samples.Run("b")]));
    }

    [Fact]
    public void Settings_ExplicitDefault_IsNoDifference()
    {
        var rows = SettingsTable.Build(
            [Samples.Detail(Samples.Run("a"), new() { ["r"] = Samples.Json(8) }), Samples.Detail(Samples.Run("b"), new() { ["lora_dropout"] = Samples.Json(0.1) })], [Samples.Lora]);

        Assert.False(rows.Single(row => row.Name == "r").Differs);
        var dropout = rows.Single(row => row.Name == "lora_dropout");
        Assert.True(dropout.Differs);
        Assert.Equal(["0.05", "0.1"], dropout.Values);
    }

    [Fact]
    public void Settings_AgainstDefaults_MarksOnlyWhatDiffers()
    {
        var rows = SettingsTable.AgainstDefaults(Samples.Detail(Samples.Run("a"), new() { ["r"] = Samples.Json(16) }, new() { ["max_steps"] = Samples.Json(200) }), [Samples.Lora]);

        Assert.Equal(["r"], rows.Where(row => row.Changed).Select(row => row.Name));
    }

    [Fact]
    public void Front_DominatedRun_IsNotOnTheLine()
    {
        CostPoint[] points = [new("a", "", 0, 10, 0.5), new("b", "", 0, 20, 0.4), new("c", "", 0, 30, 0.7), new("d", "", 0, 30, 0.6)];

        Assert.Equal(["a", "c"], Pareto.Front(points, Better.Higher).Select(point => point.Run));
        Assert.Equal(["a", "b"], Pareto.Front(points, Better.Lower).Select(point => point.Run));
    }

    [Fact]
    public void Scatter_OnePointOrZeroCost_StaysInsideThePicture()
    {
        foreach (var points in new CostPoint[][] { [new("a", "", 0, 5, 0.5)], [new("a", "", 0, 0, 0), new("b", "", 0, 300_000, 0.7)] })
        {
            var plot = ScatterPlot.Layout(points, Better.Higher);

            Assert.All(plot.Dots, dot => Assert.InRange(dot.X, ScatterPlot.Left, ScatterPlot.Right));
            Assert.All(plot.Dots, dot => Assert.InRange(dot.Y, ScatterPlot.Top, ScatterPlot.Bottom));
        }
    }

    [Fact]
    public void Scatter_CostsOfManyMagnitudes_AreSpreadLogarithmically()
    {
        var plot = ScatterPlot.Layout([new("a", "", 0, 20_480, 0.4), new("b", "", 0, 311_296, 0.67), new("c", "", 0, 7_889_152, 0.74)], Better.Higher);

        Assert.True(plot.LogX);
        Assert.Equal([100_000.0, 1_000_000, 10_000_000], plot.XTicks.Select(tick => tick.Value));
    }

    [Fact]
    public void Csv_NamesWithCommasAndFormulas_StayOneHarmlessCell()
    {
        var csv = CompareCsv.Write([Samples.Run("a", name: "=cmd,\"x\"", f1: 0.5)], [new("r", ["8"], false)]);

        Assert.StartsWith("name,\"'=cmd,\"\"x\"\"\"\r\n", csv, StringComparison.Ordinal);
        Assert.Contains("f1,0.5\r\n", csv, StringComparison.Ordinal);
        Assert.EndsWith("r,8\r\n", csv, StringComparison.Ordinal);
    }
}
