using System.Net;
using System.Text;
using Peft.Core.Data;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Datasets;

public sealed class DatasetTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    private readonly HttpClient _http = server.CreateClient();

    [Fact]
    public async Task Create_WithName_IsListedAndCanBeRenamedAndDeleted()
    {
        var made = await NewAsync("Papers");

        var renamed = await _http.SendAsync<DatasetSummary>(HttpMethod.Put, Of(made.Id), new CreateDataset("Articles", "about"));
        Assert.Equal(("Articles", "about"), (renamed.Name, renamed.Description));
        Assert.Contains(await _http.AskAsync<DatasetSummary[]>(Routes.Datasets), row => row.Id == made.Id && row.Name == "Articles");

        using var gone = await _http.DeleteAsync(new Uri(Of(made.Id), UriKind.Relative));
        Assert.Equal(HttpStatusCode.NoContent, gone.StatusCode);
        Assert.Contains(made.Id, await _http.RefusalAsync(HttpMethod.Get, Of(made.Id), null, 404), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(server.Data, "datasets", made.Id, "working.db")));
    }

    [Fact]
    public async Task Create_WithoutName_IsRefused() =>
        Assert.Contains("name", await _http.RefusalAsync(HttpMethod.Post, Routes.Datasets, new CreateDataset("  ", ""), 422), StringComparison.Ordinal);

    [Fact]
    public async Task Import_LineThatIsNoJson_NamesLineAndColumnAndKeepsTheRest()
    {
        var id = (await NewAsync()).Id;
        const string Text = "{\"instruction\":\"抽取\",\"input\":\"甲\",\"output\":\"无\"}\n{\"instruction\":\"抽\" oops}\n\n{\"instruction\":\"a\",\"output\":\"b\"}\n";

        var report = await ImportAsync(id, Text);

        Assert.Equal(("jsonl", 2, 1, true), (report.Format, report.Accepted, report.Refused, report.Committed));
        var problem = Assert.Single(report.Problems);
        Assert.Equal(("data.jsonl", 2), (problem.File, problem.Line));
        Assert.InRange(problem.Column!.Value, 18, 20);
        Assert.Equal(2, (await _http.AskAsync<DatasetSummary>(Of(id))).Train);
    }

    [Theory]
    [InlineData("{\"input\":\"x\",\"output\":\"y\"}", "instruction")]
    [InlineData("{\"instruction\":\"x\",\"input\":\"y\"}", "output")]
    [InlineData("{\"instruction\":\"x\",\"output\":\"\"}", "output")]
    [InlineData("{\"instruction\":\"x\",\"output\":7}", "output")]
    [InlineData("{\"instruction\":\"x\",\"output\":\"y\",\"split\":\"holdout\"}", "split")]
    [InlineData("{\"text\":\"abc\",\"entities\":[{\"id\":\"T1\",\"start\":0,\"end\":9}],\"relations\":[]}", "entities[0]")]
    [InlineData("{\"text\":\"abc\",\"entities\":[{\"id\":\"T1\",\"start\":0,\"end\":1}],\"relations\":[{\"head\":\"T1\",\"tail\":\"T9\",\"type\":\"r\"}]}", "relations[0].tail")]
    public async Task Import_UnusableRow_NamesTheField(string row, string field)
    {
        var report = await ImportAsync((await NewAsync()).Id, "{\"instruction\":\"ok\",\"output\":\"ok\"}\n" + row);

        Assert.Equal((1, 1), (report.Accepted, report.Refused));
        var problem = Assert.Single(report.Problems);
        Assert.Equal((2, field), (problem.Line, problem.Field));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\n ")]
    [InlineData("[]")]
    public async Task Import_EmptyFile_SaysSoAndCommitsNothing(string text)
    {
        var id = (await NewAsync()).Id;

        var report = await ImportAsync(id, text);

        Assert.Equal((0, false), (report.Accepted, report.Committed));
        Assert.Contains("empty", Assert.Single(report.Problems).Message, StringComparison.Ordinal);
        Assert.False((await _http.AskAsync<EditState>(Of(id) + "/edits")).CanUndo);
    }

    [Fact]
    public async Task Import_ListOverSeveralLines_NamesTheLineOfARefusedRow()
    {
        const string Text = "[\n  {\"instruction\": \"a\",\n   \"output\": \"b\"},\n  {\"instruction\": \"c\"},\n  {\"instruction\": \"d\", \"output\": \"e\"}\n]";

        var report = await ImportAsync((await NewAsync()).Id, Text);

        Assert.Equal(("json", 2, 1), (report.Format, report.Accepted, report.Refused));
        Assert.Equal(4, Assert.Single(report.Problems).Line);
    }

    [Fact]
    public async Task Import_ListThatBreaksOff_KeepsWhatWasReadAndNamesThePlace()
    {
        var report = await ImportAsync((await NewAsync()).Id, "[\n{\"instruction\":\"a\",\"output\":\"b\"},\n{\"instruction\":\"c\",\"outp");

        Assert.Equal((1, 1), (report.Accepted, report.Refused));
        Assert.Equal(3, Assert.Single(report.Problems).Line);
    }

    [Fact]
    public async Task Import_WithoutCommit_OnlyReports()
    {
        var id = (await NewAsync()).Id;

        var report = await _http.SendAsync<ImportReport>(HttpMethod.Post, Of(id) + "/import?commit=false", new ImportText("a.json", "{\n\"prompt\":\"a\",\n\"response\":\"b\"}", DatasetSplit.Dev));

        Assert.Equal((1, false), (report.Accepted, report.Committed));
        Assert.Equal(("a", "b", DatasetSplit.Dev), (report.Preview[0].Instruction, report.Preview[0].Output, report.Preview[0].Split));
        Assert.Equal(0, (await _http.AskAsync<RecordPage>(Of(id) + "/records")).Total);
    }

    [Fact]
    public async Task Import_UploadedFile_IsRead()
    {
        var id = (await NewAsync()).Id;
        using var form = new MultipartFormDataContent();
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("﻿{\"instruction\":\"a\",\"output\":\"b\"}\r\n"));
        form.Add(content, "file", "上传.jsonl");

        using var answer = await _http.PostAsync(new Uri(Of(id) + "/upload?split=Test", UriKind.Relative), form);

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        var page = await _http.AskAsync<RecordPage>(Of(id) + "/records?split=Test");
        Assert.Equal("上传.jsonl:1", Assert.Single(page.Records).Source);
    }

    [Theory]
    [InlineData("train", 2400)]
    [InlineData("dev", 300)]
    [InlineData("test", 300)]
    [InlineData("lecture-example", 1)]
    public async Task Import_AnnotatedSample_GivesTheInstructionFileWordForWord(string name, int count)
    {
        var annotated = (await NewAsync()).Id;
        await ImportAsync(annotated, await File.ReadAllTextAsync(Sample(name + ".annotated.jsonl")));
        var instruct = InstructionReader.ReadFile(Sample(name + ".instruct.jsonl"));

        var records = await AllAsync(annotated);

        Assert.Equal(count, records.Count);
        Assert.Equal(instruct.Select(row => (row.Instruction, row.Input, row.Output)), records.Select(row => (row.Instruction, row.Input, row.Output)));
        Assert.All(records, record => Assert.NotNull(record.Form));
        Assert.Equal(0, (await _http.AskAsync<DatasetSummary>(Of(annotated))).Problems);
    }

    [Fact]
    public async Task Snapshot_OfEqualRecords_HasOneHashAndIsReadableByTheTrainer()
    {
        var (first, second) = ((await NewAsync("one")).Id, (await NewAsync("two")).Id);
        foreach (var id in new[] { first, second })
            await ImportAsync(id, "{\"instruction\":\"a\",\"output\":\"b\"}\n{\"instruction\":\"c\",\"output\":\"d\",\"split\":\"dev\"}");

        var frozen = await _http.SendAsync<SnapshotDto>(HttpMethod.Post, Of(first) + "/snapshots");
        var again = await _http.SendAsync<SnapshotDto>(HttpMethod.Post, Of(first) + "/snapshots");
        var other = await _http.SendAsync<SnapshotDto>(HttpMethod.Post, Of(second) + "/snapshots");

        Assert.Equal((frozen.Hash, frozen.CreatedAt), (again.Hash, again.CreatedAt));
        Assert.Equal(frozen.Hash, other.Hash);
        Assert.Single(await _http.AskAsync<SnapshotDto[]>(Of(first) + "/snapshots"));
        var snapshot = DatasetSnapshot.Open(Path.Combine(server.Data, "datasets", first, frozen.Hash));
        Assert.Equal("d", Assert.Single(snapshot.Read("dev")).Output);
        Assert.Equal(first, snapshot.Manifest!.DatasetId);
    }

    [Fact]
    public async Task Snapshot_OfEmptyDataset_IsRefused() =>
        Assert.Contains("empty", await _http.RefusalAsync(HttpMethod.Post, Of((await NewAsync()).Id) + "/snapshots", null, 422), StringComparison.Ordinal);

    [Theory]
    [InlineData("jsonl")]
    [InlineData("json")]
    public async Task Export_ImportedAgain_GivesTheSameRecordsAndSplits(string format)
    {
        var (from, to) = ((await NewAsync()).Id, (await NewAsync()).Id);
        await ImportAsync(from, "{\"instruction\":\"问 \\\"x\\\"\",\"input\":\"𠮷\\n\",\"output\":\"b\"}\n{\"instruction\":\"c\",\"output\":\"d\",\"split\":\"test\"}");

        await ImportAsync(to, await _http.GetStringAsync(new Uri(Of(from) + $"/export?format={format}", UriKind.Relative)));

        Assert.Equal((await AllAsync(from)).Select(Text), (await AllAsync(to)).Select(Text));
    }

    private static (DatasetSplit, string, string, string) Text(RecordDto record) => (record.Split, record.Instruction, record.Input, record.Output);

    private static string Of(string id) => $"{Routes.Datasets}/{id}";

    private static string Sample(string file) => Path.Combine(Repository.Root, "samples", "datasets", "relation-extraction-zh", file);

    private Task<DatasetSummary> NewAsync(string name = "Test") => _http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset(name, ""));

    private Task<ImportReport> ImportAsync(string id, string text) =>
        _http.SendAsync<ImportReport>(HttpMethod.Post, Of(id) + "/import", new ImportText("data.jsonl", text, null));

    private async Task<IReadOnlyList<RecordDto>> AllAsync(string id)
    {
        var all = new List<RecordDto>();
        while (await _http.AskAsync<RecordPage>($"{Of(id)}/records?offset={all.Count}&limit=1000") is { Records.Count: > 0 } page)
            all.AddRange(page.Records);
        return all;
    }
}
