using Microsoft.Playwright;

namespace Workbench.EndToEnd.Tests.Support;

/// <summary>A browser profile with one page. Errors in the console and requests to other hosts fail the test at its end.</summary>
public sealed class BrowserSession : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly Uri _home;
    private readonly List<string> _errors = [];
    private readonly List<string> _foreignRequests = [];

    public BrowserSession(IBrowserContext context, IPage page, Uri home)
    {
        _context = context;
        _home = home;
        Page = page;
        Watch(page);
    }

    public IPage Page { get; private set; }

    public IReadOnlyList<string> Errors => _errors;

    public IReadOnlyList<string> ForeignRequests => _foreignRequests;

    /// <summary>Opens a page of the workbench and waits until the application has taken over from the splash.</summary>
    public async Task GoAsync(string path)
    {
        await Page.GotoAsync(path);
        await Page.Locator("main").First.WaitForAsync();
    }

    /// <summary>Closes the tab.</summary>
    public Task LeaveAsync() => Page.CloseAsync();

    /// <summary>Opens a new tab in the same profile.</summary>
    public async Task ReopenAsync(string path)
    {
        Page = await _context.NewPageAsync();
        Watch(Page);
        await GoAsync(path);
    }

    public void AssertClean()
    {
        Assert.Empty(_errors);
        Assert.Empty(_foreignRequests);
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    private void Watch(IPage page)
    {
        page.PageError += (_, error) => _errors.Add(error);
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
                _errors.Add(message.Text);
        };
        page.Request += (_, request) =>
        {
            if (Uri.TryCreate(request.Url, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.Host != _home.Host)
                _foreignRequests.Add(request.Url);
        };
    }
}
