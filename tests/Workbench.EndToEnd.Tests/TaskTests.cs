using Microsoft.Playwright;
using Workbench.Client.Contracts;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>Tasks beyond instructions, from the form to a question to the trained model, with the real trainer.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class TaskTests(BrowserFixture browser)
{
    private const float Patience = 90_000;

    [SkippableTheory]
    [InlineData("Reading comprehension", "mini-roberta-zh", "QUESTION_ANS", "F1")]
    [InlineData("Financial sentiment", "mini-mt5-zh", "SEQ_2_SEQ_LM", "xact match")]
    public async Task Run_SampleOnASmallBase_ShowsItsScoreLive(string dataset, string model, string task, string score)
    {
        await using var session = await browser.OpenAsync("/runs/new", locale: "en-US");
        var page = session.Page;
        await page.Locator("label.wb-card", new() { HasText = dataset }).ClickAsync();
        await page.Locator("label.wb-card", new() { HasText = model }).ClickAsync();
        await Assertions.Expect(page.Locator("#draft-task")).ToHaveValueAsync(task, new() { Timeout = Patience });
        await page.Locator("#option-max_steps").FillAsync("6");
        await page.Locator("#draft-test").SelectOptionAsync("50");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync(new() { Timeout = Patience });
        await page.WaitForURLAsync(url => url.Contains("/runs/0", StringComparison.Ordinal), new() { Timeout = Patience });
        var api = new WorkbenchApi(browser.Server);
        var run = await api.WaitForAsync(page.Url.Split('/')[^1], r => r.State is RunState.Completed or RunState.Failed, "completed");

        Assert.True(run.State == RunState.Completed, run.Message);
        Assert.Equal(task, run.Result!.TaskType);
        Assert.NotNull(run.Result.Score);
        await page.Locator(".wb-figures", new() { HasText = score }).First.WaitForAsync(new() { Timeout = Patience });
        session.AssertClean();
    }

    [SkippableTheory]
    [InlineData("Financial sentiment", "SEQ_CLS", "accuracy", "这家公司的利润大幅增长。", "positive|neutral|negative")]
    [InlineData("Named entities", "TOKEN_CLS", "F1", "刘德华在香港养和医院。", ".*")]
    public async Task Run_SampleOfATask_ShowsItsScoreLiveAndAnswersATextOfOnesOwn(string dataset, string task, string score, string text, string answer)
    {
        await using var session = await browser.OpenAsync("/runs/new", locale: "en-US");
        var page = session.Page;
        await page.Locator("label.wb-card", new() { HasText = dataset }).ClickAsync();
        await Assertions.Expect(page.Locator("#draft-task")).ToHaveValueAsync(task, new() { Timeout = Patience });
        await page.Locator("#option-max_steps").FillAsync("8");
        await page.Locator("#draft-test").SelectOptionAsync("50");
        await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync(new() { Timeout = Patience });
        await page.WaitForURLAsync(url => url.Contains("/runs/0", StringComparison.Ordinal), new() { Timeout = Patience });
        var api = new WorkbenchApi(browser.Server);
        var id = page.Url.Split('/')[^1];
        var run = await api.WaitForAsync(id, r => r.State is RunState.Completed or RunState.Failed, "completed");

        Assert.True(run.State == RunState.Completed, run.Message);
        Assert.Equal(task, run.Result!.TaskType);
        Assert.NotNull(run.Result.Score);
        await page.Locator(".wb-figures", new() { HasText = score }).First.WaitForAsync(new() { Timeout = Patience });
        await page.GetByLabel("Text", new() { Exact = true }).FillAsync(text);
        await page.GetByRole(AriaRole.Button, new() { Name = "Answer", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator(".wb-answer-panel .wb-answer").First).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(answer), new() { Timeout = Patience });
        await Assertions.Expect(page.Locator(".wb-answer-panel .mud-alert-filled-error, .wb-answer-panel .mud-alert-text-error")).ToHaveCountAsync(0);
        session.AssertClean();
    }
}
