using System.Globalization;
using Microsoft.JSInterop;

namespace Workbench.Client.Services;

public enum ThemeChoice
{
    System,
    Light,
    Dark,
}

/// <summary>
/// Language and theme of this browser. Read synchronously at the start, so that the first picture is already right; a change of either is
/// announced and the pages draw themselves anew where they are.
/// </summary>
public sealed class UserSettings(IJSRuntime js)
{
    public const string Chinese = "zh-CN";
    public const string English = "en";

    public event Action? Changed;

    public string Language { get; private set; } = English;

    public ThemeChoice Theme { get; private set; }

    public bool IsDark { get; private set; }

    public async Task LoadAsync()
    {
        Language = await js.InvokeAsync<string>("workbench.language") == Chinese ? Chinese : English;
        Theme = Enum.TryParse<ThemeChoice>(await js.InvokeAsync<string>("workbench.theme"), ignoreCase: true, out var theme) ? theme : ThemeChoice.System;
        IsDark = await js.InvokeAsync<bool>("workbench.isDark");
        ApplyCulture();
    }

    public Task ChooseLanguageAsync(string language) => ChooseAsync(language, Theme);

    public Task ChooseThemeAsync(ThemeChoice theme) => ChooseAsync(Language, theme);

    public void FollowSystem(bool isDark)
    {
        IsDark = isDark;
        Changed?.Invoke();
    }

    private async Task ChooseAsync(string language, ThemeChoice theme)
    {
        Language = language;
        Theme = theme;
        IsDark = await js.InvokeAsync<bool>("workbench.choose", language, theme.ToString().ToLowerInvariant());
        ApplyCulture();
        Changed?.Invoke();
    }

    /// <summary>The default of the thread, not the current culture: the latter belongs to one asynchronous flow and would be lost after it.</summary>
    private void ApplyCulture()
    {
        var culture = CultureInfo.GetCultureInfo(Language == Chinese ? Chinese : "en-US");
        CultureInfo.DefaultThreadCurrentCulture = culture;
        CultureInfo.DefaultThreadCurrentUICulture = culture;
    }
}
