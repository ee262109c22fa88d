using System.Net;
using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Layout;
using Workbench.Client.Services;

namespace Workbench.Client.Tests.Shell;

public sealed class ShellTests : PagesContext
{
    [Theory]
    [InlineData("en", "Data", "Compare")]
    [InlineData("zh-CN", "数据", "对比")]
    public void Rail_Language_NamesEveryPlaceInIt(string language, string data, string compare)
    {
        SetCulture(language);

        var rail = Render<Rail>();

        var links = rail.FindAll("li a").ToDictionary(link => link.GetAttribute("href")!, link => link.TextContent.Trim());
        Assert.Equal(data, links["datasets"]);
        Assert.Equal(compare, links["compare"]);
        Assert.Equal(Places.All.Count, links.Count);
    }

    [Fact]
    public async Task Keyboard_GThenLetter_GoesToThePlace()
    {
        var keyboard = Services.GetRequiredService<Keyboard>();

        await keyboard.OnKey("g");
        await keyboard.OnKey("d");

        Assert.Equal("http://localhost/datasets", Services.GetRequiredService<NavigationManager>().Uri);
    }

    [Fact]
    public async Task Keyboard_TwoScopesWithOneKey_TheLaterWinsUntilItIsGone()
    {
        var keyboard = Services.GetRequiredService<Keyboard>();
        var pressed = new List<string>();
        using var first = keyboard.Register(new PageKey("n", "first", () => Note(pressed, "first")));
        var second = keyboard.Register(new PageKey("n", "second", () => Note(pressed, "second")));

        await keyboard.OnKey("n");
        second.Dispose();
        await keyboard.OnKey("n");

        Assert.Equal(["second", "first"], pressed);
    }

    [Fact]
    public async Task KeyHelp_QuestionMark_ListsPageKeysAndPlaces()
    {
        var keyboard = Services.GetRequiredService<Keyboard>();
        using var keys = keyboard.Register(new PageKey("n", "New dataset", () => Task.CompletedTask));

        await keyboard.OnKey("?");

        Assert.True(keyboard.HelpIsOpen);
        var help = Render<KeyHelp>();
        Assert.Contains("New dataset", help.Markup, StringComparison.Ordinal);
        Assert.Contains("Go to Models", help.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ApiClient_ProblemDocument_BecomesItsDetail()
    {
        Server.Refuse("GET /api/models/x", HttpStatusCode.NotFound, """{"title":"Not Found","detail":"There is no base model 'x'."}""");

        var error = await Assert.ThrowsAsync<ApiException>(() => Services.GetRequiredService<ApiClient>().GetAsync<ModelCard>("/api/models/x"));

        Assert.Equal("There is no base model 'x'.", error.Message);
        Assert.Equal(404, error.Status);
    }

    [Fact]
    public async Task ApiClient_ValidationProblem_NamesTheFields()
    {
        Server.Refuse("POST /api/datasets", HttpStatusCode.BadRequest, """{"title":"Bad","errors":{"name":["The name is empty."]}}""");

        var error = await Assert.ThrowsAsync<ApiException>(() =>
            Services.GetRequiredService<ApiClient>().SendAsync<DatasetSummary>(HttpMethod.Post, "/api/datasets", new CreateDataset("", "")));

        Assert.Equal("The name is empty.", Assert.Single(error.Errors["name"]));
        Assert.Equal("The name is empty.", error.Message);
    }

    [Fact]
    public async Task ApiClient_HtmlInsteadOfJson_SaysTheStatus()
    {
        Server.Refuse("GET /api/models", HttpStatusCode.BadGateway, "<html>", "text/html");

        var error = await Assert.ThrowsAsync<ApiException>(() => Services.GetRequiredService<ApiClient>().GetAsync<ModelCard>("/api/models"));

        Assert.Contains("502", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("en", 7_890_432, "7.9 M")]
    [InlineData("zh-CN", 7_890_432, "789 万")]
    [InlineData("en", 950, "950")]
    public void Format_LargeCount_IsSaidAsPeopleSayIt(string language, long value, string expected)
    {
        SetCulture(language);

        Assert.Equal(expected, Services.GetRequiredService<Format>().Short(value));
    }

    private static Task Note(List<string> list, string value)
    {
        list.Add(value);
        return Task.CompletedTask;
    }
}
