using Bunit;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Runs;

namespace Workbench.Client.Tests.Runs;

/// <summary>The heat map of ranks.</summary>
public sealed class RankMapTests : RunPagesContext
{
    private static readonly RankHistory s_history = new(["model.layers.0.q_proj", "model.layers.1.q_proj"], [10, 20, 30], [[6, 6], [6, 4], [6, 0]]);

    [Fact]
    public void Grid_WhatDoesNotChange_IsOneStretch()
    {
        var grid = new RankGrid(s_history, 50);

        Assert.Equal(["0.q_proj", "1.q_proj"], grid.Rows.Select(row => row.Label));
        Assert.Equal([(10, 50, 6)], grid.Rows[0].Spans.Select(span => (span.FirstStep, span.LastStep, span.Rank)));
        Assert.Equal([(10, 20, 6), (20, 30, 4), (30, 50, 0)], grid.Rows[1].Spans.Select(span => (span.FirstStep, span.LastStep, span.Rank)));
        Assert.Equal((0, 1), (grid.Rows[1].Spans[0].From, grid.Rows[1].Spans[^1].To));
        Assert.Equal(6, grid.Highest);
    }

    [Fact]
    public void Grid_OfOneMove_ReachesToTheLastStep() => Assert.Single(new RankGrid(new(["a"], [5], [[2]]), 5).Rows[0].Spans);

    [Fact]
    public void Map_ShowsARectanglePerStretch_AndATable()
    {
        Answer("GET /api/runs/run/ranks", s_history);
        var map = Render<RankMap>(parameters => parameters.Add(p => p.Run, Samples.Run("run") with { PeftType = "ADALORA", Step = 50 }));

        map.WaitForAssertion(() => Assert.Equal(4, map.FindAll("rect").Count));
        Assert.Single(map.FindAll("rect.wb-rank-none"));
        Assert.Contains("model.layers.1.q_proj, steps 20–30: rank 4", map.Markup, StringComparison.Ordinal);
        Assert.Equal(["6", "0"], map.FindAll("tbody tr td:last-child").Select(cell => cell.TextContent));
    }

    [Fact]
    public void Map_OfARunWithoutRanks_IsNotThere()
    {
        Answer("GET /api/runs/run/ranks", new RankHistory([], [], []));
        var map = Render<RankMap>(parameters => parameters.Add(p => p.Run, Samples.Run("run")));
        Assert.Empty(map.FindAll("figure"));
    }

    [Fact]
    public void Feed_CountsMovesAndResumes()
    {
        var feed = new RunFeed();
        feed.Apply([.. new[] { """{"kind":"ranks","step":1,"ranks":{}}""", """{"kind":"step","step":2}""", """{"kind":"resumed","from_step":0}""" }.Select(line => System.Text.Json.JsonSerializer.Deserialize<System.Text.Json.JsonElement>(line))]);
        Assert.Equal(2, feed.RankMoves);
    }
}
