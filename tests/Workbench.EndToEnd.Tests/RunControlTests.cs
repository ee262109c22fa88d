using Microsoft.Playwright;
using Workbench.Client.Contracts;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>What a person does with a run while it trains and after, with the real trainer.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class RunControlTests(BrowserFixture browser)
{
    private const float Patience = 60_000;

    [SkippableFact]
    public async Task Run_PausedRenamedResumedStoppedDeletedAndBroughtBack()
    {
        await using var session = await browser.OpenAsync("/runs", locale: "en-US");
        var api = new WorkbenchApi(browser.Server);
        var run = await api.StartAsync("BITFIT", steps: 400);
        await api.WaitForAsync(run.Id, r => r.Step >= 2, "training");
        await session.GoAsync($"/runs/{run.Id}");
        var page = session.Page;

        await page.GetByRole(AriaRole.Button, new() { Name = "Pause", Exact = true }).ClickAsync();
        var paused = await api.WaitForAsync(run.Id, r => r.State == RunState.Paused, "paused");
        await page.Locator(".wb-state-paused").First.WaitForAsync(new() { Timeout = Patience });

        await page.GetByRole(AriaRole.Button, new() { Name = "Rename" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("Renamed while paused");
        await page.GetByRole(AriaRole.Button, new() { Name = "Save", Exact = true }).ClickAsync();
        await page.Locator("h1", new() { HasText = "Renamed while paused" }).WaitForAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Resume", Exact = true }).ClickAsync();
        await api.WaitForAsync(run.Id, r => r.Step > paused.Step, "training again");
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop", Exact = true }).ClickAsync(new() { Timeout = Patience });
        await api.WaitForAsync(run.Id, r => r.State == RunState.Stopped, "stopped");

        await page.GetByRole(AriaRole.Button, new() { Name = "Delete", Exact = true }).ClickAsync(new() { Timeout = Patience });
        await page.WaitForURLAsync("**/runs");
        await Assertions.Expect(page.Locator("table.wb-runs", new() { HasText = "Renamed while paused" })).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await page.Locator("table.wb-runs", new() { HasText = "Renamed while paused" }).WaitForAsync();
        Assert.Equal("Renamed while paused", (await api.RunAsync(run.Id)).Name);
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Compare_ExportedAsCsv_HoldsEveryPoint()
    {
        await using var session = await browser.OpenAsync("/runs", locale: "en-US");
        var api = new WorkbenchApi(browser.Server);
        var run = await api.StartAsync("BITFIT", steps: 3);
        await api.WaitForAsync(run.Id, r => r.State == RunState.Completed, "completed");
        await session.GoAsync($"/compare?runs={run.Id}");
        await session.Page.Locator("[data-chart-canvas] canvas").First.WaitForAsync();

        var download = await session.Page.RunAndWaitForDownloadAsync(
            () => session.Page.GetByRole(AriaRole.Button, new() { Name = "CSV", Exact = false }).First.ClickAsync());

        Assert.EndsWith(".csv", download.SuggestedFilename, StringComparison.Ordinal);
        var lines = await File.ReadAllLinesAsync((await download.PathAsync())!);
        Assert.True(lines.Length > 1, string.Join('\n', lines));
        Assert.Contains(lines, line => line.Contains("BITFIT", StringComparison.Ordinal) || line.Contains("BitFit", StringComparison.Ordinal));
        session.AssertClean();
    }
}
