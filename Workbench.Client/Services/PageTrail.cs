namespace Workbench.Client.Services;

/// <summary>What the breadcrumb shows after the place of the rail: the thing that the page is about.</summary>
public sealed class PageTrail
{
    public event Action? Changed;

    public string? Title { get; private set; }

    public void Show(string? title)
    {
        if (Title == title)
            return;
        Title = title;
        Changed?.Invoke();
    }
}
