using System.Text.Json;
using Microsoft.Playwright;
using Workbench.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Workbench.EndToEnd.Tests;

/// <summary>Runs <c>bench/annotation-key-to-paint.js</c> and prints its figures. No time is asserted: machines differ.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
[Trait("Category", "Soak")]
public sealed class AnnotationBenchTests(BrowserFixture browser, ITestOutputHelper output)
{
    [SkippableFact]
    public async Task KeyToPaint_OfALongPassage_IsMeasured()
    {
        Skip.If(browser.SkipReason is not null, browser.SkipReason);
        var id = await AnnotationStage.SetLargeAsync(browser.Server, 5000, 100, 80);
        await using var session = await browser.OpenAsync($"/datasets/{id}/annotate", locale: "en-US");
        await session.Page.Locator(".wb-mark").First.WaitForAsync();
        await session.Page.Keyboard.PressAsync("v");
        await session.Page.Keyboard.PressAsync("v");
        await Assertions.Expect(session.Page.Locator(".wb-arc-of")).ToHaveCountAsync(80);

        var times = JsonSerializer.Deserialize<JsonElement>(await session.Page.EvaluateAsync<string>($"async () => JSON.stringify(await (\n{await File.ReadAllTextAsync(Script())}\n)())"));

        foreach (var key in times.EnumerateObject())
            output.WriteLine($"{key.Name}: median {key.Value[0].GetDouble()} ms, 95th percentile {key.Value[1].GetDouble()} ms");
        Assert.Equal(9, times.EnumerateObject().Count());
        session.AssertClean();
    }

    private static string Script()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Workbench.sln")))
            folder = folder.Parent;
        return Path.Combine(folder.FullName, "bench", "annotation-key-to-paint.js");
    }
}
