using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Services;
using Workbench.Client.Tests.Runs;

namespace Workbench.Client.Tests.Shell;

public sealed class KeyboardTests : RunPagesContext
{
    private Keyboard Keyboard => Services.GetRequiredService<Keyboard>();

    [Fact]
    public async Task OnKey_LetterWithoutGo_StaysOnThePage()
    {
        var before = Services.GetRequiredService<NavigationManager>().Uri;

        await Keyboard.OnKey("d");

        Assert.Equal(before, Services.GetRequiredService<NavigationManager>().Uri);
    }

    [Fact]
    public async Task Start_WithKeysOfAPage_TellsTheBrowserWhichKeysAreWanted()
    {
        using var page = Keyboard.Register(new PageKey("Ctrl+z", "undo", () => Task.CompletedTask));

        await Keyboard.StartAsync();

        var told = Assert.IsType<string[]>(JSInterop.Invocations["workbench.keys"][^1].Arguments[0]);
        Assert.Contains("Ctrl+z", told);
        Assert.Contains("?", told);
        Assert.DoesNotContain("d", told);
    }
}
