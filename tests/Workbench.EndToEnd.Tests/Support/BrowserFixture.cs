using Microsoft.Playwright;

namespace Workbench.EndToEnd.Tests.Support;

/// <summary>One server and one headless Chromium for all browser tests; without Chromium the tests are skipped with that reason.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private static readonly string[] s_names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private WorkbenchProcess? _server;

    public WorkbenchProcess Server => _server ?? throw new InvalidOperationException("The server runs only where there is a browser.");

    public string? SkipReason { get; private set; }

    public async Task InitializeAsync()
    {
        var chromium = FindChromium();
        if (chromium is null)
        {
            SkipReason = "No Chromium was found (looked for CHROMIUM_PATH, " + string.Join(", ", s_names) + "). ./test.sh installs it.";
            return;
        }

        _server = await WorkbenchProcess.StartAsync();
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = chromium,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    /// <summary>A fresh profile with a page that records every error and every request that leaves the machine.</summary>
    public async Task<BrowserSession> OpenAsync(string path = "/", int width = 1440, int height = 900, string locale = "zh-CN", bool dark = false, WorkbenchProcess? server = null)
    {
        Skip.If(SkipReason is not null, SkipReason);
        var context = await _browser!.NewContextAsync(new()
        {
            BaseURL = (server ?? Server).BaseAddress.ToString(),
            Locale = locale,
            ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            ViewportSize = new() { Width = width, Height = height },
        });
        context.SetDefaultTimeout(30_000);
        var session = new BrowserSession(context, await context.NewPageAsync(), (server ?? Server).BaseAddress);
        await session.GoAsync(path);
        return session;
    }

    private static string? FindChromium()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var candidates = s_names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name)));
        return candidates.Prepend(Environment.GetEnvironmentVariable("CHROMIUM_PATH") ?? "").FirstOrDefault(File.Exists);
    }
}

[CollectionDefinition(Name)]
public sealed class BrowserCollection : ICollectionFixture<BrowserFixture>
{
    public const string Name = "Browser";
}
