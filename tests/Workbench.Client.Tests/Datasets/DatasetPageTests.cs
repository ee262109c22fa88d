using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Datasets;
using Workbench.Client.Services;
using Workbench.Client.Tests.Runs;

namespace Workbench.Client.Tests.Datasets;

public sealed class DatasetPageTests : RunPagesContext
{
    private const string Records = "GET /api/datasets/d1/records?offset=0&limit=50";

    private static readonly RecordDto s_first = new("r1", DatasetSplit.Train, 1, "抽取", "甲与乙结婚。", "(甲,配偶,乙)", "a.jsonl:1", new(["配偶"], "甲与乙结婚。", [new("甲", "配偶", "乙")]));
    private static readonly RecordDto s_second = s_first with { Id = "r2", Position = 2, Input = "丙的母亲是丁。", Output = "(丙,父母,丁)", Form = null };

    private static DatasetSummary Dataset => new("d1", "People", "", 2, 0, 0, false, DateTimeOffset.UnixEpoch, 0);

    private Keyboard Keyboard => Services.GetRequiredService<Keyboard>();

    [Fact]
    public void Page_Opened_CountsItsRecordsAndListsThem()
    {
        var page = Open("");

        Assert.Contains("2", page.Find(".wb-lead").TextContent, StringComparison.Ordinal);
        Assert.Equal(["1", "2"], page.FindAll("tbody td:first-child").Select(cell => cell.TextContent.Trim()));
    }

    [Fact]
    public async Task Key_NextRecord_OpensItAndWritesItIntoTheAddress()
    {
        var page = Open("");

        await page.InvokeAsync(() => Keyboard.OnKey("j"));

        Assert.EndsWith("record=r1", Services.GetRequiredService<NavigationManager>().Uri, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_Undo_AsksTheServerAndSaysSo()
    {
        var page = Open("");
        Answer("POST /api/datasets/d1/undo", new EditState(false, true, null, "delete a record", Dataset with { Train = 3 }));

        await page.InvokeAsync(() => Keyboard.OnKey("Ctrl+z"));

        Assert.Contains("POST /api/datasets/d1/undo", Requests);
        page.WaitForAssertion(() => Assert.Contains("3", page.Find(".wb-lead").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Key_UndoWithNothingToUndo_AsksNothing()
    {
        var page = Open("", canUndo: false);

        await page.InvokeAsync(() => Keyboard.OnKey("Ctrl+z"));

        Assert.DoesNotContain("POST /api/datasets/d1/undo", Requests);
    }

    [Fact]
    public async Task Key_Delete_RemovesTheOpenRecordAndOpensTheNext()
    {
        var page = Open("?record=r1");
        page.WaitForElement(".wb-pane h2");
        Answer("DELETE /api/datasets/d1/records/r1", new EditState(true, false, "delete a record", null, Dataset with { Train = 1 }));

        await page.InvokeAsync(() => Keyboard.OnKey("Delete"));

        Assert.Contains("DELETE /api/datasets/d1/records/r1", Requests);
        Assert.EndsWith("record=r2", Services.GetRequiredService<NavigationManager>().Uri, StringComparison.Ordinal);
    }

    private IRenderedComponent<DatasetPage> Open(string query, bool canUndo = true)
    {
        Answer("GET /api/datasets/d1", Dataset);
        Answer("GET /api/datasets/d1/edits", new EditState(canUndo, false, canUndo ? "change a record" : null, null, Dataset));
        Answer(Records, new RecordPage(2, 0, [s_first, s_second]));
        Services.GetRequiredService<NavigationManager>().NavigateTo("datasets/d1" + query);
        var page = Render<DatasetPage>(parameters => parameters.Add(page => page.Id, "d1"));
        page.WaitForElement("tbody tr");
        return page;
    }
}
