using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Datasets;

namespace Workbench.Client.Tests.Datasets;

public sealed class DatasetComponentTests : PagesContext
{
    private static readonly DatasetSummary s_dataset = new("d1", "Sample", "", 2, 1, 0, true, DateTimeOffset.UnixEpoch, 0);

    private static readonly RecordDto s_record = new("r1", DatasetSplit.Train, 0, "Ask", "魏晓写了《告别海岸》。", "(告别海岸,作者,魏晓)", "typed",
        new(["作者"], "魏晓写了《告别海岸》。", [new("告别海岸", "作者", "魏晓")]));

    [Fact]
    public void ImportReport_RefusedRows_NamesLineFieldAndReason()
    {
        var report = new ImportReport("jsonl", 1, 2,
            [new("a.jsonl", 3, 17, null, "This line is no JSON."), new("a.jsonl", 9, null, "output", "The output is empty.")], [s_record], false);

        var view = Render<ImportReportView>(p => p.Add(c => c.Report, report));

        var rows = view.FindAll("tbody tr");
        Assert.Equal(2, rows.Count);
        Assert.Equal("3:17", rows[0].QuerySelector("th")!.TextContent);
        Assert.Contains("This line is no JSON.", rows[0].TextContent, StringComparison.Ordinal);
        Assert.Equal("output", rows[1].QuerySelector("code")!.TextContent);
        Assert.Contains("1 records can be read (jsonl)", view.Markup, StringComparison.Ordinal);
        Assert.Contains("(告别海岸,作者,魏晓)", view.Find(".wb-record-output").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void ImportReport_NothingReadable_SaysSo()
    {
        var view = Render<ImportReportView>(p => p.Add(c => c.Report, new("jsonl", 0, 1, [new("a", 1, null, null, "No JSON.")], [], false)));

        Assert.Contains("No record could be read", view.Find(".wb-alert-error").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void ImportPanel_Checked_OffersExactlyTheReadableRecords()
    {
        ImportText? imported = null;
        var panel = Render<ImportPanel>(p => p
            .Add(c => c.Ready, true)
            .Add(c => c.Check, _ => Task.FromResult(new ImportReport("jsonl", 1, 1, [new("", 2, null, null, "No JSON.")], [s_record], false)))
            .Add(c => c.Import, text =>
            {
                imported = text;
                return Task.CompletedTask;
            }));

        Assert.DoesNotContain(panel.FindAll("button"), button => button.TextContent.Contains("Import", StringComparison.Ordinal));
        panel.Find("textarea").Input("{}\nnonsense");
        panel.FindAll("button").Single(button => button.TextContent.Trim() == "Check").Click();
        panel.FindAll("button").Single(button => button.TextContent.Trim() == "Import 1 records").Click();

        Assert.Equal("{}\nnonsense", imported!.Text);
    }

    [Fact]
    public void ImportPanel_TextChangedAfterCheck_MustBeCheckedAgain()
    {
        var panel = Render<ImportPanel>(p => p
            .Add(c => c.Ready, true)
            .Add(c => c.Check, _ => Task.FromResult(new ImportReport("jsonl", 1, 0, [], [], false)))
            .Add(c => c.Import, _ => Task.CompletedTask));
        panel.Find("textarea").Input("{}");
        panel.FindAll("button").Single(button => button.TextContent.Trim() == "Check").Click();

        panel.Find("textarea").Input("{} ");

        Assert.DoesNotContain(panel.FindAll("button"), button => button.TextContent.Contains("Import", StringComparison.Ordinal));
    }

    [Fact]
    public void TokenChips_Roles_AreToldApartAndCounted()
    {
        var view = new TokenView("m", 2, 2, 4, 1,
            [new(1, "问", TokenRole.Context, false), new(2, "\n", TokenRole.Context, true), new(3, "答", TokenRole.Loss, false), new(4, "多", TokenRole.Cut, false)]);

        var chips = Render<TokenChips>(p => p.Add(c => c.View, view));

        var shown = chips.FindAll("ol li");
        Assert.Equal(["wb-token-context", "wb-token-context", "wb-token-loss", "wb-token-cut"], shown.Select(chip => chip.ClassList[1]));
        Assert.Equal("⏎", shown[1].TextContent);
        Assert.Equal("3 · carries loss", shown[2].GetAttribute("title"));
        Assert.Contains("2 prompt tokens, 2 output tokens; 1 of at most 4 carry loss.", chips.Markup, StringComparison.Ordinal);
        Assert.Contains("1 tokens are cut off", chips.Find(".wb-warn").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void Form_TypedAndAdded_SendsTheFormAndKeepsTheRelations()
    {
        Server.Answer("POST /api/datasets/render", new RenderedRecord("Ask", "P", "(a,b,c)", ["triples: 'a' is not in the passage"]));
        SaveRecord? saved = null;
        var panel = Render<RelationFormPanel>(p => p.Add(c => c.Ready, true).Add(c => c.Add, record =>
        {
            saved = record;
            return Task.CompletedTask;
        }));

        panel.Find("#form-candidates").Input("作者，导演");
        panel.Find("#form-passage").Input("魏晓写了《告别海岸》。");
        panel.Find("input[aria-label='Subject 1']").Input("告别海岸");
        panel.Find("input[aria-label='Relation 1']").Input("作者");
        panel.Find("input[aria-label='Object 1']").Input("魏晓");
        panel.WaitForAssertion(() => Assert.Contains("'a' is not in the passage", panel.Markup, StringComparison.Ordinal));
        panel.Find("form").Submit();

        Assert.Equal(["作者", "导演"], saved!.Form!.Candidates);
        Assert.Equal(new TripleDto("告别海岸", "作者", "魏晓"), Assert.Single(saved.Form.Triples));
        Assert.Equal("作者，导演", panel.Find("#form-candidates").GetAttribute("value"));
        Assert.Equal("", panel.Find("#form-passage").GetAttribute("value") ?? "");
    }

    [Fact]
    public void DatasetPage_RecordInAddress_IsShownBesideTheTable()
    {
        AnswerDataset();
        Services.GetRequiredService<NavigationManager>().NavigateTo("datasets/d1?record=r1&face=instruction");

        var page = Render<DatasetPage>(p => p.Add(c => c.Id, "d1"));

        Assert.Equal("Sample", page.Find("h1").TextContent);
        Assert.Equal("true", page.Find("tbody tr").GetAttribute("aria-selected"));
        Assert.Contains("Ask", page.Find(".wb-pane .wb-record-text").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void DatasetPage_RecordDeleted_CanBeTakenBack()
    {
        AnswerDataset();
        Server.Answer("DELETE /api/datasets/d1/records/r1", new EditState(true, false, "Delete record", null, s_dataset));
        Server.Answer("POST /api/datasets/d1/undo", new EditState(false, true, null, "Delete record", s_dataset));
        Services.GetRequiredService<NavigationManager>().NavigateTo("datasets/d1?record=r1");
        var page = Render<DatasetPage>(p => p.Add(c => c.Id, "d1"));

        page.Find(".wb-pane button[aria-label='Delete']").Click();
        page.Find("button[aria-label='Undo']").Click();

        Assert.Contains(Server.Asked, asked => asked.Request == "POST /api/datasets/d1/undo");
        Assert.True(page.Find("button[aria-label='Undo']").HasAttribute("disabled"));
        Assert.False(page.Find("button[aria-label='Redo']").HasAttribute("disabled"));
    }

    private void AnswerDataset()
    {
        Server.Answer("GET /api/datasets/d1", s_dataset);
        Server.Answer("GET /api/datasets/d1/edits", new EditState(false, false, null, null, s_dataset));
        Server.Answer("GET /api/datasets/d1/records?offset=0&limit=50", new RecordPage(1, 0, [s_record]));
    }
}
