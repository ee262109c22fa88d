using System.Text;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Datasets;

public sealed class RecordTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    private static readonly RelationFormDto s_form = new(["父母", "配偶"], "刘德华与朱丽倩结婚。", [new("刘德华", "配偶", "朱丽倩")]);

    private readonly HttpClient _http = server.CreateClient();

    [Fact]
    public async Task Render_OfTheLecturesForm_GivesItsThreeTexts()
    {
        var rendered = await _http.SendAsync<RenderedRecord>(HttpMethod.Post, Routes.Datasets + "/render", s_form);

        Assert.StartsWith("已知候选的关系列表：['父母','配偶']", rendered.Instruction, StringComparison.Ordinal);
        Assert.Equal((s_form.Passage, "(刘德华,配偶,朱丽倩)"), (rendered.Input, rendered.Output));
        Assert.Empty(rendered.Problems);
    }

    [Fact]
    public async Task Render_OfADoubtfulForm_NamesEveryProblem()
    {
        var form = s_form with { Triples = [new("张三", "配偶", "朱丽倩"), new("刘德华", "朋友", "朱丽倩"), new("", "配偶", "刘德华")] };

        var problems = string.Join('\n', (await _http.SendAsync<RenderedRecord>(HttpMethod.Post, Routes.Datasets + "/render", form)).Problems);

        Assert.Contains("'张三' does not occur in the passage", problems, StringComparison.Ordinal);
        Assert.Contains("'朋友' is not among the candidate relations", problems, StringComparison.Ordinal);
        Assert.Contains("the head is empty", problems, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_TypedForm_KeepsTheFormAndCanBeEditedDeletedAndUndone()
    {
        var id = await NewAsync();
        var added = await _http.SendAsync<RecordDto>(HttpMethod.Post, Records(id), new SaveRecord(DatasetSplit.Train, null, null, null, s_form));
        Assert.Equal("(刘德华,配偶,朱丽倩)", added.Output);
        Assert.Equal(s_form.Triples, added.Form!.Triples);

        var edited = await _http.SendAsync<RecordDto>(HttpMethod.Put, $"{Records(id)}/{added.Id}", new SaveRecord(DatasetSplit.Dev, "抽取", "甲", "无", null));
        Assert.Equal(("抽取", DatasetSplit.Dev, added.Position), (edited.Instruction, edited.Split, edited.Position));

        var deleted = await _http.SendAsync<EditState>(HttpMethod.Delete, $"{Records(id)}/{added.Id}");
        Assert.Equal((0, 0, 0), (deleted.Dataset.Train, deleted.Dataset.Dev, deleted.Dataset.Test));

        var back = await UndoAsync(id);
        Assert.Equal((1, true, true), (back.Dataset.Dev, back.CanUndo, back.CanRedo));
        await UndoAsync(id);
        Assert.Equal(added, (await OneAsync(id)) with { Form = added.Form });
        await UndoAsync(id);
        Assert.Contains("nothing to undo", await _http.RefusalAsync(HttpMethod.Post, Of(id) + "/undo", null, 409), StringComparison.Ordinal);
        for (var i = 0; i < 3; i++)
            await _http.SendAsync<EditState>(HttpMethod.Post, Of(id) + "/redo");
        Assert.Contains("nothing to redo", await _http.RefusalAsync(HttpMethod.Post, Of(id) + "/redo", null, 409), StringComparison.Ordinal);
        Assert.Equal(0, (await PageAsync(id)).Total);
    }

    [Fact]
    public async Task Change_AfterUndo_DropsWhatCouldBeRedone()
    {
        var id = await NewAsync();
        await AddAsync(id, "a");
        await AddAsync(id, "b");
        await UndoAsync(id);
        await AddAsync(id, "c");

        Assert.False((await _http.AskAsync<EditState>(Of(id) + "/edits")).CanRedo);
        Assert.Equal(["a", "c"], (await PageAsync(id)).Records.Select(record => record.Input));
        await UndoAsync(id);
        await UndoAsync(id);
        Assert.Equal(0, (await PageAsync(id)).Total);
    }

    [Fact]
    public async Task Undo_AfterARestart_TakesBackTheImport()
    {
        var data = Path.Combine(Path.GetTempPath(), "workbench-tests", Guid.NewGuid().ToString("N"));
        string id;
        await using (var first = WorkbenchFactory.On(data))
        {
            var http = first.CreateClient();
            id = (await http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("x", ""))).Id;
            await http.SendAsync<ImportReport>(HttpMethod.Post, Of(id) + "/import", new ImportText("x", "{\"instruction\":\"a\",\"output\":\"b\"}", null));
        }

        await using (var second = WorkbenchFactory.On(data))
        {
            var http = second.CreateClient();
            var state = await http.SendAsync<EditState>(HttpMethod.Post, Of(id) + "/undo");
            Assert.Equal((0, false, true), (state.Dataset.Train, state.CanUndo, state.CanRedo));
            Assert.Equal("Import 1 records from x", state.RedoText);
        }

        Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task Add_WithoutOutputOrQuestion_IsRefusedAndChangesNothing()
    {
        var id = await NewAsync();

        Assert.Contains("no output", await _http.RefusalAsync(HttpMethod.Post, Records(id), new SaveRecord(DatasetSplit.Train, "a", "b", "", null), 422), StringComparison.Ordinal);
        Assert.Contains("neither instruction nor input", await _http.RefusalAsync(HttpMethod.Post, Records(id), new SaveRecord(DatasetSplit.Train, "", "", "x", null), 422), StringComparison.Ordinal);
        Assert.False((await _http.AskAsync<EditState>(Of(id) + "/edits")).CanUndo);
    }

    [Fact]
    public async Task Update_OfAMissingRecord_Is404AndChangesNothing()
    {
        var id = await NewAsync();

        await _http.RefusalAsync(HttpMethod.Put, Records(id) + "/nobody", new SaveRecord(DatasetSplit.Train, "a", "b", "c", null), 404);
        await _http.RefusalAsync(HttpMethod.Delete, Records(id) + "/nobody", null, 404);
        Assert.False((await _http.AskAsync<EditState>(Of(id) + "/edits")).CanUndo);
    }

    [Theory]
    [InlineData("丽倩", 1)]
    [InlineData("100%", 1)]
    [InlineData("a_b", 1)]
    [InlineData("QUICK", 1)]
    [InlineData("没有", 0)]
    public async Task Search_ForAText_FindsItLiterallyInAnyField(string query, int hits)
    {
        var id = await NewAsync();
        foreach (var text in new[] { "朱丽倩", "100% sure", "1000 sure", "a_b", "axb", "the quick fox" })
            await AddAsync(id, text);

        var page = await _http.AskAsync<RecordPage>($"{Records(id)}?query={Uri.EscapeDataString(query)}");

        Assert.Equal((hits, hits), (page.Total, page.Records.Count));
    }

    [Fact]
    public async Task Split_WithSeed_IsRepeatableAndKeepsEqualInputsTogether()
    {
        var id = await NewAsync();
        var text = new StringBuilder();
        for (var i = 0; i < 300; i++)
            text.Append("{\"instruction\":\"i").Append(i).Append("\",\"input\":\"p").Append(i % 100).Append("\",\"output\":\"x\"}\n");
        await _http.SendAsync<ImportReport>(HttpMethod.Post, Of(id) + "/import", new ImportText("x", text.ToString(), null));

        var once = await SplitAsync(id, 7);
        var first = await PageAsync(id);
        await SplitAsync(id, 8);
        var other = await PageAsync(id);
        await SplitAsync(id, 7);
        var again = await PageAsync(id);

        Assert.Equal((240, 30, 30), (once.Dataset.Train, once.Dataset.Dev, once.Dataset.Test));
        Assert.Equal(first.Records.Select(record => record.Split), again.Records.Select(record => record.Split));
        Assert.NotEqual(first.Records.Select(record => record.Split), other.Records.Select(record => record.Split));
        Assert.All(first.Records.GroupBy(record => record.Input), group => Assert.Single(group.Select(record => record.Split).Distinct()));
        await UndoAsync(id);
        Assert.Equal(other.Records.Select(record => record.Split), (await PageAsync(id)).Records.Select(record => record.Split));
    }

    [Fact]
    public async Task Split_WithSharesThatAreNot100_IsRefused() =>
        Assert.Contains("add up to 100", await _http.RefusalAsync(HttpMethod.Post, Of(await NewAsync()) + "/split", new SplitDataset(80, 10, 20, 1), 422), StringComparison.Ordinal);

    private static string Of(string id) => $"{Routes.Datasets}/{id}";

    private static string Records(string id) => Of(id) + "/records";

    private async Task<string> NewAsync() => (await _http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("Test", ""))).Id;

    private Task<RecordDto> AddAsync(string id, string input) =>
        _http.SendAsync<RecordDto>(HttpMethod.Post, Records(id), new SaveRecord(DatasetSplit.Train, "ask", input, "answer", null));

    private Task<EditState> UndoAsync(string id) => _http.SendAsync<EditState>(HttpMethod.Post, Of(id) + "/undo");

    private Task<EditState> SplitAsync(string id, int seed) => _http.SendAsync<EditState>(HttpMethod.Post, Of(id) + "/split", new SplitDataset(80, 10, 10, seed));

    private Task<RecordPage> PageAsync(string id) => _http.AskAsync<RecordPage>(Records(id) + "?limit=1000");

    private async Task<RecordDto> OneAsync(string id) => Assert.Single((await PageAsync(id)).Records);
}
