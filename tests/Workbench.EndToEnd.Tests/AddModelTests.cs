using Microsoft.Playwright;
using Workbench.EndToEnd.Tests.Support;
using Workbench.Server.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>A person adds models: one from a folder where it lies, one from a hub, one by upload.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class AddModelTests(BrowserFixture browser)
{
    private const float Patience = 60_000;

    [SkippableFact]
    public async Task Models_AddedFromAFolderAHubAndAnUpload_AreReadyAndCanBeRemoved()
    {
        Skip.If(browser.SkipReason is not null, browser.SkipReason);
        var sample = Path.Combine(Root(), "samples", "models", "mini-llama-zh");
        var folder = Directory.CreateTempSubdirectory("workbench-model-");
        foreach (var file in Directory.EnumerateFiles(sample))
            File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
        using var hub = FakeHub.Of(sample);
        await using var session = await browser.OpenAsync("/models", locale: "en-US");
        var page = session.Page;

        await page.GetByRole(AriaRole.Link, new() { Name = "Add model" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Tab, new() { Name = "On this machine" }).ClickAsync();
        await page.Locator("#local-path").FillAsync(folder.FullName);
        await page.GetByRole(AriaRole.Button, new() { Name = "Look into it" }).ClickAsync();
        await page.Locator("#model-name").FillAsync("from-a-folder");
        await page.GetByRole(AriaRole.Button, new() { Name = "Use it" }).ClickAsync();
        await page.Locator("h1", new() { HasText = "from-a-folder" }).WaitForAsync(new() { Timeout = Patience });

        await session.GoAsync($"/models/add?way=hub&id={Uri.EscapeDataString(FakeHub.Id)}&from={Uri.EscapeDataString(hub.Address)}");
        await page.GetByText("7.9 M").First.WaitForAsync(new() { Timeout = Patience });
        await page.GetByRole(AriaRole.Button, new() { Name = "Download", Exact = false }).ClickAsync();
        await page.Locator("section[aria-labelledby=coming] .wb-tag", new() { HasText = "ready" }).WaitForAsync(new() { Timeout = Patience });

        await session.GoAsync("/models/add?way=upload");
        await page.Locator("input[webkitdirectory]").SetInputFilesAsync(folder.FullName);
        await page.Locator("#model-name").FillAsync("sent");
        await page.GetByRole(AriaRole.Button, new() { Name = "Upload", Exact = false }).ClickAsync();
        await page.Locator("section[aria-labelledby=coming] li", new() { HasText = "sent" }).GetByText("ready").WaitForAsync(new() { Timeout = Patience });

        await page.GetByRole(AriaRole.Link, new() { Name = "from-a-folder" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Forget" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "from-a-folder" })).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "from-a-folder" }).WaitForAsync();
        session.AssertClean();
        folder.Delete(recursive: true);
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Workbench.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
