using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class ShellTests(BrowserFixture browser)
{
    public static TheoryData<string> Pages => ["/", "/datasets", "/models", "/models/add", "/runs", "/runs/new", "/compare", "/learn", "/learn/lora", "/adapters"];

    [SkippableTheory]
    [MemberData(nameof(Pages))]
    public async Task Page_Opened_ShowsHeadingWithoutErrorsAndWithoutTheInternet(string path)
    {
        await using var session = await browser.OpenAsync(path);

        await session.Page.Locator("main h1").First.WaitForAsync();
        await session.Page.WaitForLoadStateAsync(LoadState.NetworkIdle);

        session.AssertClean();
    }

    [SkippableTheory]
    [MemberData(nameof(Pages))]
    public async Task Page_AtPhoneWidth_DoesNotScrollSideways(string path)
    {
        await using var session = await browser.OpenAsync(path, width: 390, height: 844);
        await session.Page.Locator("main h1").First.WaitForAsync();
        await session.Page.WaitForLoadStateAsync(LoadState.NetworkIdle);

        var overflow = await session.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");

        Assert.Equal(0, overflow);
    }

    [SkippableTheory]
    [MemberData(nameof(Pages))]
    public async Task Page_InBothThemes_HasNoSeriousAccessibilityViolation(string path)
    {
        foreach (var dark in new[] { false, true })
        {
            await using var session = await browser.OpenAsync(path, locale: "en-US", dark: dark);
            await session.Page.Locator("main h1").First.WaitForAsync();
            await session.Page.WaitForLoadStateAsync(LoadState.NetworkIdle);

            var result = await session.Page.RunAxe();

            var serious = result.Violations.Where(v => v.Impact is "serious" or "critical").Select(Describe).ToArray();
            Assert.True(serious.Length == 0, $"dark: {dark}\n" + string.Join("\n", serious));
        }
    }

    private static string Describe(AxeResultItem violation) =>
        $"{violation.Id}: {violation.Help} at {string.Join("; ", violation.Nodes.Select(node => node.Html).Take(3))}";
}
