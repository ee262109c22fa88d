using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Workbench.Client.Contracts;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>What a person does on the way from data to a used adapter, with the real trainer.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed partial class JourneyTests(BrowserFixture browser)
{
    private const float Patience = 180_000;

    [SkippableFact]
    public async Task NewRun_StartedInTheForm_TrainsLiveAndAnswersAQuestion()
    {
        await using var session = await browser.OpenAsync("/", locale: "en-US");
        var api = new WorkbenchApi(browser.Server);
        var sample = await api.SampleDatasetAsync();
        var page = session.Page;
        await session.GoAsync($"/runs/new?dataset={sample.Id}");

        await page.Locator(".wb-card", new() { HasText = "BitFit" }).ClickAsync();
        await page.GetByText("trainable params: 20,480").First.WaitForAsync();
        await page.Locator("#option-max_steps").FillAsync("4");
        await page.Locator("#option-max_eval_samples, #option-eval_steps").First.WaitForAsync(new() { State = WaitForSelectorState.Attached });
        await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync();

        await page.WaitForURLAsync(RunAddress());
        var id = RunAddress().Match(page.Url).Groups[1].Value;
        await page.Locator("[data-chart-canvas] canvas").First.WaitForAsync(new() { Timeout = Patience });
        await page.Locator(".wb-figures", new() { HasText = "4 / 4" }).WaitForAsync(new() { Timeout = Patience });

        // The test split of the sample is long; stopping saves the adapter, and the run is called stopped, not completed.
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop", Exact = true }).ClickAsync();
        var run = await api.WaitForAsync(id, r => r.State is RunState.Stopped or RunState.Completed, "ended");
        Assert.Equal(RunState.Stopped, run.State);
        await page.GetByText("Stopped early").First.WaitForAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Extract" }).ClickAsync();
        await Assertions.Expect(page.Locator(".wb-answer-panel[aria-busy=false] .wb-tabular").First).ToContainTextAsync(SpokenSpeed(), new() { Timeout = Patience });
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Run_TabClosedMidRun_ShowsTheCompleteCurveWhenOpenedAgain()
    {
        await using var session = await browser.OpenAsync("/runs", locale: "en-US");
        var api = new WorkbenchApi(browser.Server);
        var run = await api.StartAsync("LORA", steps: 8);
        await session.GoAsync($"/runs/{run.Id}");
        await session.Page.Locator("[data-chart-canvas] canvas").First.WaitForAsync(new() { Timeout = Patience });

        await session.LeaveAsync();
        await api.WaitForAsync(run.Id, r => r.State == RunState.Completed, "completed");
        await session.ReopenAsync($"/runs/{run.Id}");

        await session.Page.Locator(".wb-figures", new() { HasText = "8 / 8" }).WaitForAsync();
        await session.Page.GetByRole(AriaRole.Button, new() { Name = "As table" }).First.ClickAsync();
        await Assertions.Expect(session.Page.Locator(".wb-chart-table tbody tr").Last.Locator("th")).ToHaveTextAsync("8");
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Compare_TwoFinishedRuns_SaysWhichIsAheadAndShowsBothCurves()
    {
        var api = browser.SkipReason is null ? new WorkbenchApi(browser.Server) : null;
        Skip.If(api is null, browser.SkipReason);
        var first = await api!.StartAsync("PREFIX_TUNING", steps: 2);
        var second = await api.StartAsync("BITFIT", steps: 2);
        await api.WaitForAsync(first.Id, r => r.State == RunState.Completed, "completed");
        await api.WaitForAsync(second.Id, r => r.State == RunState.Completed, "completed");

        await using var session = await browser.OpenAsync($"/compare?runs={first.Id},{second.Id}", locale: "en-US");

        await session.Page.Locator("[data-chart-canvas] canvas").First.WaitForAsync();
        await Assertions.Expect(session.Page.Locator(".wb-compare-table thead th")).ToHaveCountAsync(3);
        await Assertions.Expect(session.Page.Locator("main .wb-lead")).Not.ToBeEmptyAsync();
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Dataset_TypedInTheLecturesForm_BecomesRecordsThatCanBeSeenAsTokens()
    {
        await using var session = await browser.OpenAsync("/datasets/new?way=form", locale: "en-US");
        var page = session.Page;

        await page.Locator("#dataset-name").FillAsync("Typed by hand");
        await page.GetByRole(AriaRole.Button, new() { Name = "Lecture", Exact = false }).First.ClickAsync();
        await page.GetByText("(刘德华,配偶,朱丽倩),(刘向蕙,父母,刘德华),(刘向蕙,父母,朱丽倩)").First.WaitForAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Add and type another" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Open" }).First.ClickAsync();

        await page.WaitForURLAsync(new Regex("/datasets/[0-9A-Z]{26}"));
        await page.GetByText("刘德华").First.WaitForAsync();
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Language_Switched_KeepsThePage()
    {
        await using var session = await browser.OpenAsync("/compare", locale: "zh-CN");
        var chinese = await session.Page.Locator("main h1").InnerTextAsync();

        await session.Page.Locator("summary", new() { HasText = "中文" }).ClickAsync();
        await session.Page.Locator("[role=menuitemradio]", new() { HasText = "English" }).ClickAsync();

        await Assertions.Expect(session.Page.Locator("main h1")).Not.ToHaveTextAsync(chinese);
        Assert.EndsWith("/compare", new Uri(session.Page.Url).AbsolutePath, StringComparison.Ordinal);
    }

    [GeneratedRegex("/runs/([0-9A-Z]{26})")]
    private static partial Regex RunAddress();

    [GeneratedRegex("token|s")]
    private static partial Regex SpokenSpeed();
}
