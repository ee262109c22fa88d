using Microsoft.Playwright;
using Workbench.Client.Contracts;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>The options of a training in the form, a learning rate that is searched, and what a run can be taken away as.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class TrainingOptionsTests(BrowserFixture browser)
{
    private const float Patience = 120_000;

    [SkippableFact]
    public async Task NewRun_OptionsChangedAndRateSearched_StandInTheCommand()
    {
        await using var session = await browser.OpenAsync("/runs/new?method=LORA", locale: "en-US");
        var page = session.Page;
        await page.GetByText("Advanced", new() { Exact = false }).First.ClickAsync(new() { Timeout = Patience });
        await page.GetByRole(AriaRole.Heading, new() { Name = "Against learning by heart" }).WaitForAsync();

        await page.Locator("#option-optim").SelectOptionAsync("lion_32bit");
        await page.Locator("#option-gradient_checkpointing").SelectOptionAsync("true");
        await page.Locator(".wb-command code", new() { HasText = "--optim lion_32bit" }).WaitForAsync();
        await page.Locator(".wb-command code", new() { HasText = "--gradient_checkpointing true" }).WaitForAsync();

        await page.GetByText("Find a learning rate").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Search", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Img, new() { Name = "Loss against learning rate", Exact = false }).WaitForAsync(new() { Timeout = Patience });
        var use = page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Use ") });
        await use.ClickAsync(new() { Timeout = Patience });

        await Assertions.Expect(page.Locator("#option-learning_rate")).Not.ToHaveValueAsync("0.008");
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Run_Finished_IsTakenAwayAsRecipeAndBundle()
    {
        await using var session = await browser.OpenAsync("/runs", locale: "en-US");
        var api = new WorkbenchApi(browser.Server);
        var run = await api.StartAsync("BITFIT", steps: 3);
        await api.WaitForAsync(run.Id, r => r.State == RunState.Completed, "completed");
        await session.GoAsync($"/runs/{run.Id}");
        await session.Page.GetByRole(AriaRole.Tab, new() { Name = "Files" }).ClickAsync(new() { Timeout = Patience });

        foreach (var (link, end) in new[] { ("Recipe (YAML)", "recipe.yaml"), ("Script for HF PEFT (Python)", "train_peft.py"), ("Everything as a zip", "run.zip") })
        {
            var download = await session.Page.RunAndWaitForDownloadAsync(() => session.Page.GetByRole(AriaRole.Link, new() { Name = link, Exact = true }).ClickAsync());
            Assert.EndsWith(end, download.SuggestedFilename, StringComparison.Ordinal);
            Assert.True(new FileInfo((await download.PathAsync())!).Length > 500);
        }

        session.AssertClean();
    }
}
