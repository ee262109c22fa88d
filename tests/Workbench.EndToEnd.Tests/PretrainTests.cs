using System.Globalization;
using System.Text;
using Microsoft.Playwright;
using Workbench.Client.Contracts;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>A base from text, from the form to the list of models, with the real trainer.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class PretrainTests(BrowserFixture browser)
{
    private const float Patience = 90_000;

    [SkippableFact]
    public async Task Pretrain_TextOfOnesOwn_LivePausedResumedAndAmongTheModels()
    {
        await using var session = await browser.OpenAsync("/models", locale: "en-US");
        var page = session.Page;
        await page.GetByRole(AriaRole.Link, new() { Name = "Make a base from text" }).ClickAsync();
        await page.Locator("label.wb-card", new() { HasText = "roberta" }).ClickAsync(new() { Timeout = Patience });
        await page.GetByLabel("A file of this computer").CheckAsync();
        await page.GetByLabel("Choose a text").SetInputFilesAsync(new FilePayload { Name = "little.txt", MimeType = "text/plain", Buffer = Encoding.UTF8.GetBytes(Documents(60)) });
        await page.GetByText("corpora/little.txt").WaitForAsync(new() { Timeout = Patience });
        foreach (var (field, value) in new[] { ("num_hidden_layers", "1"), ("intermediate_size", "64"), ("max_steps", "400"), ("per_device_train_batch_size", "2"), ("eval_steps", "2") })
            await page.Locator("#pretrain-" + field).FillAsync(value);
        await page.Locator("#pretrain-name").FillAsync("little-encoder");
        await Assertions.Expect(page.Locator(".wb-facts")).ToContainTextAsync("54", new() { Timeout = Patience });
        await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync(new() { Timeout = Patience });
        await page.WaitForURLAsync(url => url.Contains("/runs/0", StringComparison.Ordinal), new() { Timeout = Patience });
        var api = new WorkbenchApi(browser.Server);
        var id = page.Url.Split('/')[^1];

        await api.WaitForAsync(id, run => run.Step >= 2, "training");
        await page.Locator("[data-chart-canvas] canvas").First.WaitForAsync(new() { Timeout = Patience });
        await page.GetByRole(AriaRole.Button, new() { Name = "Pause", Exact = true }).ClickAsync(new() { Timeout = Patience });
        var paused = await api.WaitForAsync(id, run => run.State == RunState.Paused, "paused");
        await page.GetByRole(AriaRole.Button, new() { Name = "Resume", Exact = true }).ClickAsync(new() { Timeout = Patience });
        await api.WaitForAsync(id, run => run.Step > paused.Step, "training again");
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop", Exact = true }).ClickAsync(new() { Timeout = Patience });
        await api.WaitForAsync(id, run => run.State == RunState.Stopped, "stopped");
        await page.GetByRole(AriaRole.Link, new() { Name = "little-encoder" }).Last.ClickAsync(new() { Timeout = Patience });

        await page.WaitForURLAsync("**/models/little-encoder", new() { Timeout = Patience });
        await page.GetByText("RobertaForMaskedLM").First.WaitForAsync(new() { Timeout = Patience });
        session.AssertClean();
    }

    private static string Documents(int count) => string.Join("\n\n", Enumerable.Range(1, count).Select(
        i => string.Create(CultureInfo.InvariantCulture, $"第{i}家公司的利润增长了{i}%。它的总部在城市{i % 7}，去年的订单比前年多。")));
}
