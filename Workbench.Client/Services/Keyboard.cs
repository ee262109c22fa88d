using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace Workbench.Client.Services;

/// <summary>One key of a page: its name as the browser writes it (<c>n</c>, <c>Ctrl+z</c>, <c>ArrowDown</c>), what it does, and the doing.</summary>
public sealed record PageKey(string Key, string Help, Func<Task> Action);

/// <summary>
/// Keys that work anywhere on a page. Typing in a field and composing Chinese never reaches it. Keys registered last win; <c>g</c> and a letter go somewhere.
/// </summary>
public sealed class Keyboard(IJSRuntime js, NavigationManager navigation, UserSettings settings) : IDisposable
{
    private readonly List<Scope> _scopes = [];
    private DotNetObjectReference<Keyboard>? _self;
    private bool _going;

    /// <summary>The overlay with all keys was opened or closed.</summary>
    public event Action? HelpChanged;

    public bool HelpIsOpen { get; private set; }

    public IEnumerable<PageKey> Keys => _scopes.AsEnumerable().Reverse().SelectMany(scope => scope.Keys).DistinctBy(key => key.Key);

    public async Task StartAsync()
    {
        _self = DotNetObjectReference.Create(this);
        await js.InvokeVoidAsync("workbench.listen", _self);
        await TellAsync();
    }

    /// <summary>Adds keys until the answer is disposed.</summary>
    public IDisposable Register(params PageKey[] keys)
    {
        var scope = new Scope(this, keys);
        _scopes.Add(scope);
        _ = TellAsync();
        return scope;
    }

    public void ToggleHelp(bool? open = null)
    {
        HelpIsOpen = open ?? !HelpIsOpen;
        HelpChanged?.Invoke();
    }

    [JSInvokable]
    public async Task OnKey(string name)
    {
        if (_going)
        {
            _going = false;
            await TellAsync();
            if (Places.All.FirstOrDefault(place => place.Key == name) is { } place)
            {
                navigation.NavigateTo(place.Path.TrimStart('/'));
                return;
            }
        }

        switch (name)
        {
            case "?":
                ToggleHelp();
                break;
            case "g":
                _going = true;
                await TellAsync();
                break;
            case "/":
                await js.InvokeAsync<bool>("workbench.focusSearch");
                break;
            case "Escape" when HelpIsOpen:
                ToggleHelp(false);
                break;
            default:
                if (Keys.FirstOrDefault(key => key.Key == name) is { } known)
                    await known.Action();
                break;
        }
    }

    [JSInvokable]
    public void OnSystemTheme(bool isDark) => settings.FollowSystem(isDark);

    public void Dispose() => _self?.Dispose();

    private async Task TellAsync()
    {
        if (_self is null)
            return;
        string[] names = ["?", "g", "/", "Escape", .. Keys.Select(key => key.Key), .. _going ? Places.All.Select(place => place.Key) : []];
        await js.InvokeVoidAsync("workbench.keys", [names.Distinct().ToArray()]);
    }

    private sealed class Scope(Keyboard keyboard, PageKey[] keys) : IDisposable
    {
        public PageKey[] Keys { get; } = keys;

        public void Dispose()
        {
            if (keyboard._scopes.Remove(this))
                _ = keyboard.TellAsync();
        }
    }
}
