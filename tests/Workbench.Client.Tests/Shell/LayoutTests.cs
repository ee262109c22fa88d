using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Layout;
using Workbench.Client.Services;
using Workbench.Client.Tests.Runs;

namespace Workbench.Client.Tests.Shell;

public sealed class LayoutTests : RunPagesContext
{
    public LayoutTests() => ComponentFactories.AddStub<Activity>();

    [Fact]
    public void Header_OnAPageWithATitle_LeadsBackToItsPlace()
    {
        Answer("GET /api/projects", new[] { new ProjectDto("p1", "Relation extraction sample", "d1", "m1") });
        Services.GetRequiredService<NavigationManager>().NavigateTo("datasets/d1");
        var header = Render<Header>();

        header.InvokeAsync(() => Services.GetRequiredService<PageTrail>().Show("My records"));

        header.WaitForAssertion(() =>
        {
            Assert.Equal("Relation extraction sample", header.Find(".wb-trail li").TextContent.Trim());
            Assert.Equal("datasets", header.Find(".wb-trail a").GetAttribute("href"));
            Assert.Equal("My records", header.Find("[aria-current=page]").TextContent);
        });
    }

    [Fact]
    public void Header_WhenOnlyTheQueryChanges_KeepsTheTitle()
    {
        var navigation = Services.GetRequiredService<NavigationManager>();
        navigation.NavigateTo("datasets/d1");
        var header = Render<Header>();
        header.InvokeAsync(() => Services.GetRequiredService<PageTrail>().Show("My records"));

        navigation.NavigateTo("datasets/d1?record=r7");
        Assert.Equal("My records", Services.GetRequiredService<PageTrail>().Title);

        navigation.NavigateTo("models");
        Assert.Null(Services.GetRequiredService<PageTrail>().Title);
    }

    [Fact]
    public async Task Settings_ChooseChinese_ChangesTheTextsWithoutLeavingThePage()
    {
        var settings = Services.GetRequiredService<UserSettings>();
        var changes = 0;
        settings.Changed += () => changes++;

        await settings.ChooseLanguageAsync(UserSettings.Chinese);

        Assert.Equal(1, changes);
        Assert.Equal("zh-CN", System.Globalization.CultureInfo.DefaultThreadCurrentUICulture?.Name);
        Assert.Equal(["zh-CN", "system"], JSInterop.Invocations["workbench.choose"][0].Arguments.Cast<string>());
    }

    [Theory]
    [InlineData("", "home")]
    [InlineData("datasets/abc?record=1", "data")]
    [InlineData("runs/new", "runs")]
    public void PlaceOf_AnAddress_IsTheEntryItBelongsTo(string address, string name) => Assert.Equal(name, Places.Of(address)?.Name);

    [Theory]
    [InlineData("en", 20, "just now")]
    [InlineData("en", 300, "5 min ago")]
    [InlineData("zh-CN", 7200, "2 小时前")]
    public void Ago_OfAMomentInThePast_SaysItInWords(string language, int seconds, string text)
    {
        SetCulture(language);

        Assert.Equal(text, Services.GetRequiredService<Format>().Ago(Clock.GetUtcNow().AddSeconds(-seconds)));
    }
}
