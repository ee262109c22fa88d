using System.Diagnostics;
using System.Globalization;
using Microsoft.Playwright;
using Workbench.EndToEnd.Tests.Support;

namespace Workbench.EndToEnd.Tests;

/// <summary>Ten curves of 100,000 points: drawn at once, the spike of one step seen, finer points fetched on zooming.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class LongCurveTests(BrowserFixture browser)
{
    /// <summary>Topmost painted pixel in a band of the canvas, as a share of its height; 1 where nothing is painted.</summary>
    private const string Top = """
        ([from, to]) => {
          const canvas = document.querySelector('[data-chart-canvas] canvas');
          const { width, height } = canvas;
          const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
          let top = height;
          for (let x = Math.round(from * width); x < to * width; x++) {
            for (let y = 0; y < top; y++) {
              const at = 4 * (y * width + x);
              const [r, g, b, a] = [pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]];
              if (a > 60 && Math.max(r, g, b) - Math.min(r, g, b) > 60) { top = y; break; }
            }
          }
          return top / height;
        }
        """;

    [SkippableFact]
    public async Task Compare_TenLongRuns_ShowsTheSpikeAndFetchesFinerPointsOnZoom()
    {
        Skip.If(browser.SkipReason is not null, browser.SkipReason);
        await using var server = await WorkbenchProcess.StartAsync();
        await WriteAsync(server.DataDirectory);
        await server.KillAsync();
        await server.RestartAsync();
        var ids = Directory.EnumerateDirectories(Path.Combine(server.DataDirectory, "runs")).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray();
        await using var session = await browser.OpenAsync("/compare?runs=" + string.Join(',', ids), locale: "en-US", server: server);
        var page = session.Page;
        await page.Locator("[data-chart-canvas] canvas").First.WaitForAsync();
        await page.WaitForFunctionAsync($"bands => ({Top})(bands) < 0.9", new[] { 0.2, 0.8 }, new() { Timeout = 30_000 });

        // The spike stands at step 61,800 of 100,000; labels stand to the right of the plot.
        var spike = await page.EvaluateAsync<double>(Top, new[] { 0.53, 0.61 });
        var beside = await page.EvaluateAsync<double>(Top, new[] { 0.63, 0.80 });
        Assert.True(spike < beside - 0.2, $"top of the spike {spike}, beside it {beside}");

        // The page opens while the server still reads the last of the logs.
        await Assertions.Expect(page.Locator(".wb-pick input:checked")).ToHaveCountAsync(10, new() { Timeout = 30_000 });
        var colours = await page.EvaluateAsync<string[]>(
            "() => [...document.querySelectorAll('.wb-pick input:checked ~ .wb-dot')].map(dot => getComputedStyle(dot).backgroundColor)");
        Assert.Equal(10, colours.Distinct().Count());

        var finer = await page.RunAndWaitForRequestAsync(
            async () =>
            {
                await page.Locator("[data-chart-canvas]").First.FocusAsync();
                for (var i = 0; i < 3; i++)
                    await page.Keyboard.PressAsync("+");
            },
            request => request.Url.Contains("/series", StringComparison.Ordinal));

        Assert.Contains("from=", finer.Url, StringComparison.Ordinal);
        session.AssertClean();
    }

    private static async Task WriteAsync(string data)
    {
        var program = Path.Combine(AppContext.BaseDirectory.Replace("Workbench.EndToEnd.Tests", "Peft.FakeTrainer", StringComparison.Ordinal), "Peft.FakeTrainer.dll");
        using var writer = Process.Start(new ProcessStartInfo("dotnet", [program, "--write-series", Path.Combine(data, "runs"), "10", 100_000.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true,
        })!;
        await writer.StandardOutput.ReadToEndAsync();
        await writer.WaitForExitAsync();
        Assert.Equal(0, writer.ExitCode);
    }
}
