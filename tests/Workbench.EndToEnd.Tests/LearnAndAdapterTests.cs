using Microsoft.Playwright;
using Workbench.Client.Contracts;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>A person looks a method up in the tree, and then makes something of an adapter that was trained.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class LearnAndAdapterTests(BrowserFixture browser)
{
    private const float Patience = 120_000;

    [SkippableFact]
    public async Task Learn_FromTheTreeToAMethod_ThePictureFollowsTheOptions()
    {
        await using var session = await browser.OpenAsync("/", locale: "en-US");
        var page = session.Page;

        await page.GetByRole(AriaRole.Link, new() { Name = "Learn" }).First.ClickAsync();
        await page.Locator(".wb-tree a", new() { HasText = "BitFit" }).ClickAsync();
        await page.GetByText("20,480 numbers train").WaitForAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "All methods" }).ClickAsync();
        await page.Locator(".wb-tree a", new() { HasText = "LoRA" }).First.ClickAsync();
        await page.GetByText("311,296 numbers train").WaitForAsync();
        await page.GetByText("Try other options").ClickAsync();
        await page.Locator("#option-r").FillAsync("4");
        await page.GetByText("155,648 numbers train").WaitForAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Train with it" }).ClickAsync();
        await Assertions.Expect(page.Locator("input[name=method]:checked")).ToHaveCountAsync(1);
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Adapters_OfARun_IsMergedExportedAndTried()
    {
        Skip.If(browser.SkipReason is not null, browser.SkipReason);
        var api = new WorkbenchApi(browser.Server);
        var run = await api.StartAsync("LORA", steps: 4);
        await api.WaitForAsync(run.Id, now => now.State == RunState.Completed, "completed");
        await using var session = await browser.OpenAsync("/adapters", locale: "en-US");
        var page = session.Page;

        await page.Locator("tbody a", new() { HasText = run.Name }).First.ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Only check" }).ClickAsync();
        await page.GetByText("bit for bit").WaitForAsync(new() { Timeout = Patience });
        await page.Locator("#merge-name").FillAsync("merged-by-hand");
        await page.GetByRole(AriaRole.Button, new() { Name = "Merge", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Open the model" }).WaitForAsync(new() { Timeout = Patience });
        await page.GetByRole(AriaRole.Button, new() { Name = "Write GGUF" }).ClickAsync();
        var download = await page.RunAndWaitForDownloadAsync(
            () => page.GetByRole(AriaRole.Link, new() { Name = "Download GGUF" }).ClickAsync(new() { Timeout = Patience }), new() { Timeout = Patience });
        Assert.EndsWith(".gguf", download.SuggestedFilename, StringComparison.Ordinal);
        await page.GetByRole(AriaRole.Link, new() { Name = "Open the model" }).ClickAsync();
        await page.Locator("header h1", new() { HasText = "merged-by-hand" }).WaitForAsync();
        session.AssertClean();
    }
}
