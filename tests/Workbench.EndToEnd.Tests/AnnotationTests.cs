using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Workbench.Client.Contracts;
using Workbench.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Workbench.EndToEnd.Tests;

/// <summary>Annotation with mouse and keyboard as people do it, counted; and what happens when the server goes away under their hands.</summary>
[Collection(BrowserCollection.Name)]
[Trait("Category", "Browser")]
public sealed class AnnotationTests(BrowserFixture browser, ITestOutputHelper output)
{
    private const string Sentence = "2008年6月23日，刘德华与朱丽倩在美国拉斯维加斯注册结婚。";
    private const string Lecture = Sentence + "2012年5月9日，朱丽倩在香港养和医院产下女儿刘向蕙。刘向蕙出生后，少数看过刘向蕙面貌的圈内人士称，女儿的耳朵像刘德华，长得眉清目秀。";
    private const string Answer = "(刘德华,结婚时间,2008年6月23日),(刘德华,配偶,朱丽倩),(刘德华,结婚地点,美国拉斯维加斯)";

    [SkippableFact]
    public async Task Sentence_FourEntitiesAndThreeRelationsFromEmpty_TakesAtMostTwentyGesturesAndNoClick()
    {
        await using var session = await OpenAsync(Sentence);
        var hand = new Hand(session.Page);
        await hand.DragAsync("2008年6月23日");
        await hand.KeysAsync("3");
        await hand.DragAsync("刘德华");
        await hand.KeysAsync("1");
        await hand.DragAsync("朱丽倩");
        await hand.KeysAsync("1");
        await hand.DragAsync("美国拉斯维加斯");
        await hand.KeysAsync("2");
        await hand.KeysAsync("r", "b", "c", "1");
        await hand.KeysAsync("t", "a", "3");
        await hand.KeysAsync("t", "d", "4");
        await hand.KeysAsync("Enter");

        await ExpectAsync(session.Page, Answer, "done");
        output.WriteLine(hand.ToString());
        Assert.True(hand.Gestures <= 20, hand.ToString());
        Assert.Equal(0, hand.Clicks);
        Assert.True(hand.Seconds <= 15, hand.ToString());
        session.AssertClean();
    }

    [SkippableFact]
    public async Task LecturePassage_ByKeyboardAlone_IsAnnotatedWhole()
    {
        await using var session = await OpenAsync(Lecture);
        var hand = new Hand(session.Page);
        await hand.SelectByKeysAsync(Lecture, "刘德华", 0);
        await hand.KeysAsync("1");
        await hand.SelectByKeysAsync(Lecture, "朱丽倩", 0);
        await hand.KeysAsync("1");
        await hand.SelectByKeysAsync(Lecture, "刘向蕙", 0);
        await hand.KeysAsync("1");
        await hand.KeysAsync("r", "a", "b", "1", "r", "c", "a", "2", "t", "b", "2", "Enter");

        await ExpectAsync(session.Page, "(刘德华,配偶,朱丽倩),(刘向蕙,父母,刘德华),(刘向蕙,父母,朱丽倩)", "done");
        output.WriteLine(hand.ToString());
        Assert.Equal((0, 0), (hand.Clicks, hand.Drags));
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Relation_ByDragAndByTwoClicks_IsTheSameAsByKeysAndIllegalOnesAreRefusedWithTheReason()
    {
        await using var session = await OpenAsync(Sentence);
        var (page, hand) = (session.Page, new Hand(session.Page));
        foreach (var (words, key) in new[] { ("2008年6月23日", "3"), ("刘德华", "1"), ("朱丽倩", "1"), ("美国拉斯维加斯", "2") })
        {
            await hand.DragAsync(words);
            await hand.KeysAsync(key);
        }

        await hand.DragAsync(page.Locator(".wb-mark .wb-grip").Nth(1), page.Locator(".wb-mark .wb-grip").Nth(2));
        await page.Locator(".wb-annotate-menu button", new() { HasText = "配偶" }).ClickAsync();
        await page.Locator(".wb-mark .wb-grip").Nth(1).ClickAsync();
        await page.Locator(".wb-mark .wb-grip").Nth(3).ClickAsync(new() { Modifiers = [KeyboardModifier.Shift] });
        await hand.KeysAsync("4");
        await Assertions.Expect(page.Locator(".wb-arc-of")).ToHaveCountAsync(2);

        await hand.KeysAsync("r", "a");
        await Assertions.Expect(page.Locator(".wb-annotate-refused")).ToContainTextAsync("时间");
        await hand.KeysAsync("b");
        await Assertions.Expect(page.Locator(".wb-mark.wb-lit")).ToHaveCountAsync(3);
        await hand.KeysAsync("c", "1");
        await Assertions.Expect(page.Locator(".wb-annotate-refused")).ToContainTextAsync("(刘德华, 配偶, 朱丽倩) is there already");
        await hand.KeysAsync("2");
        await Assertions.Expect(page.Locator(".wb-arc-of")).ToHaveCountAsync(3);
        await hand.KeysAsync("x");
        await Assertions.Expect(page.Locator(".wb-annotate-output")).ToHaveValueAsync("(刘德华,配偶,朱丽倩),(刘德华,结婚地点,美国拉斯维加斯),(朱丽倩,父母,刘德华)");
        await hand.KeysAsync("Delete");
        await Assertions.Expect(page.Locator(".wb-arc-of")).ToHaveCountAsync(2);
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Undo_OfEverything_WorksAfterAReloadAndAcrossRecords()
    {
        await using var session = await OpenAsync(Sentence, "第二条记录。");
        var (page, hand) = (session.Page, new Hand(session.Page));
        await hand.DragAsync("刘德华");
        await hand.KeysAsync("1");
        await hand.DragAsync("朱丽倩");
        await hand.KeysAsync("1", "r", "a", "b", "1", "n", "Delete", "Enter");
        await Assertions.Expect(page.Locator(".wb-line").First).ToContainTextAsync("第二条");
        await hand.DragAsync("记录");
        await hand.KeysAsync("4");
        await Assertions.Expect(page.Locator(".wb-annotate-saved")).ToHaveTextAsync("All saved");
        await page.ReloadAsync();
        await page.Locator(".wb-mark").First.WaitForAsync();

        // Entity, state, deletion: the second takes one back to the first record.
        await hand.KeysAsync("Control+z");
        await Assertions.Expect(page.Locator(".wb-mark")).ToHaveCountAsync(0);
        await hand.KeysAsync("Control+z");
        await Assertions.Expect(page.Locator(".wb-line").First).ToContainTextAsync("刘德华");
        await hand.KeysAsync("Control+z");
        await Assertions.Expect(page.Locator(".wb-arc-of")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator(".wb-annotate-output")).ToHaveValueAsync("(刘德华,配偶,朱丽倩)");
        await hand.KeysAsync("Control+Shift+z");
        await Assertions.Expect(page.Locator(".wb-mark")).ToHaveCountAsync(1);
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Server_GoneAndRestartedInTheMiddle_LosesNothingAndSaysSo()
    {
        Skip.If(browser.SkipReason is not null, browser.SkipReason);
        await using var server = await WorkbenchProcess.StartAsync();
        await using var session = await OpenAsync([Sentence], server);
        var (page, hand) = (session.Page, new Hand(session.Page));
        await hand.DragAsync("刘德华");
        await hand.KeysAsync("1");
        await Assertions.Expect(page.Locator(".wb-annotate-saved")).ToHaveTextAsync("All saved");
        await server.KillAsync();
        await hand.DragAsync("朱丽倩");
        await hand.KeysAsync("1", "r", "a", "b", "1");
        await Assertions.Expect(page.Locator(".wb-annotate-saved")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex("^Server away: [23] change"));
        await Assertions.Expect(page.Locator(".wb-arc-of")).ToHaveCountAsync(1);
        await server.RestartAsync();
        await Assertions.Expect(page.Locator(".wb-annotate-saved")).ToHaveTextAsync("All saved", new() { Timeout = 30_000 });
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator(".wb-arc-of")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator(".wb-annotate-output")).ToHaveValueAsync("(刘德华,配偶,朱丽倩)");
    }

    [SkippableFact]
    public async Task Texts_TypedBesideTheGraph_AreReadIntoItAndFaultsAreNamedInPlace()
    {
        await using var session = await OpenAsync(Sentence);
        var field = session.Page.Locator(".wb-annotate-output");
        await field.FillAsync("(刘德华,配偶,朱丽倩");
        await Assertions.Expect(session.Page.Locator("#texts-problems")).ToContainTextAsync("is no list of triples");
        await Assertions.Expect(field).ToHaveAttributeAsync("aria-invalid", "true");
        await field.FillAsync("(刘德华,配偶,朱丽倩)");
        await Assertions.Expect(session.Page.Locator(".wb-arc-of")).ToHaveCountAsync(1);
        await Assertions.Expect(session.Page.Locator(".wb-mark")).ToHaveCountAsync(2);
        await Assertions.Expect(field).ToBeFocusedAsync();
        session.AssertClean();
    }

    [SkippableTheory]
    [InlineData(false, 1440)]
    [InlineData(true, 1440)]
    [InlineData(false, 390)]
    public async Task Page_WithGraphAndList_HasNoSeriousAccessibilityViolationAndFitsAPhone(bool dark, int width)
    {
        await using var session = await OpenAsync([Sentence], dark: dark, width: width);
        var (page, hand) = (session.Page, new Hand(session.Page));
        await hand.DragAsync("刘德华");
        await hand.KeysAsync("1");
        await hand.DragAsync("朱丽倩");
        await hand.KeysAsync("1", "r", "a", "b", "1", "l");
        await Assertions.Expect(page.Locator(".wb-annotate-list")).ToContainTextAsync("配偶");
        await page.GetByRole(AriaRole.Button, new() { Name = "Types", Exact = true }).ClickAsync();
        await page.Locator(".wb-schema").WaitForAsync();

        var result = await page.RunAxe();

        Assert.Empty(result.Violations.Where(v => v.Impact is "serious" or "critical").Select(v => $"{v.Id}: {v.Help} at {string.Join("; ", v.Nodes.Select(node => node.Html).Take(3))}"));
        Assert.Equal(0, await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth"));
        session.AssertClean();
    }

    [SkippableFact]
    public async Task Suggestions_OfOtherRecords_AreTakenAndTurnedDownByKey()
    {
        await using var session = await OpenAsync(Sentence, "刘德华与朱丽倩到了香港。刘德华笑了。");
        var (page, hand) = (session.Page, new Hand(session.Page));
        await hand.DragAsync("刘德华");
        await hand.KeysAsync("1");
        await hand.DragAsync("朱丽倩");
        await hand.KeysAsync("1", "Enter");
        await Assertions.Expect(page.Locator(".wb-line").First).ToContainTextAsync("到了香港");
        await hand.KeysAsync("o");
        await Assertions.Expect(page.Locator(".wb-mark.wb-suggested")).ToHaveCountAsync(3);
        await hand.KeysAsync("y", "d");
        await Assertions.Expect(page.Locator(".wb-mark.wb-suggested")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator(".wb-mark")).ToHaveCountAsync(2);
        await hand.KeysAsync("m", "Control+z");
        await Assertions.Expect(page.Locator(".wb-mark:not(.wb-suggested)")).ToHaveCountAsync(1);
        session.AssertClean();
    }

    [SkippableFact]
    public async Task TwoBrowsers_OnOneRecord_SeeEachOtherAndLoseNothing()
    {
        await using var first = await OpenAsync(Sentence);
        await using var second = await browser.OpenAsync(new Uri(first.Page.Url).PathAndQuery, locale: "en-US");
        await second.Page.Locator(".wb-line").First.WaitForAsync();
        await Assertions.Expect(first.Page.Locator(".wb-annotate-others")).ToContainTextAsync("on this record");
        var (one, two) = (new Hand(first.Page), new Hand(second.Page));
        await one.DragAsync("刘德华");
        await one.KeysAsync("1");
        await Assertions.Expect(second.Page.Locator(".wb-mark")).ToHaveCountAsync(1);
        await two.DragAsync("朱丽倩");
        await two.KeysAsync("1");
        await Assertions.Expect(first.Page.Locator(".wb-mark")).ToHaveCountAsync(2);
        await one.KeysAsync("r", "a", "b", "1");
        await Assertions.Expect(second.Page.Locator(".wb-annotate-output")).ToHaveValueAsync("(刘德华,配偶,朱丽倩)");
        first.AssertClean();
        second.AssertClean();
    }

    private static async Task ExpectAsync(IPage page, string answer, string state)
    {
        await Assertions.Expect(page.Locator(".wb-annotate-output")).ToHaveValueAsync(answer);
        await Assertions.Expect(page.Locator(".wb-lead .wb-tag")).ToHaveTextAsync(state);
        await Assertions.Expect(page.Locator(".wb-annotate-saved")).ToHaveTextAsync("All saved");
    }

    private Task<BrowserSession> OpenAsync(params string[] passages) => OpenAsync(passages, null);

    private async Task<BrowserSession> OpenAsync(string[] passages, WorkbenchProcess? server = null, bool dark = false, int width = 1440)
    {
        Skip.If(browser.SkipReason is not null, browser.SkipReason);
        var id = await AnnotationStage.SetAsync(server ?? browser.Server, passages);
        var session = await browser.OpenAsync($"/datasets/{id}/annotate", locale: "en-US", dark: dark, width: width, server: server);
        await session.Page.Locator(".wb-line").First.WaitForAsync();
        await Assertions.Expect(session.Page.Locator(".wb-annotate-output")).ToBeVisibleAsync();
        return session;
    }
}
