using System.Text.Json;
using Microsoft.Data.Sqlite;
using Workbench.Client.Contracts;
using Workbench.Server.Datasets;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Datasets;

/// <summary>Datasets whose records are no instructions: texts with labels, with entities, questions, plain text.</summary>
public sealed class KindTests(SeededServer server) : IClassFixture<SeededServer>
{
    private const string Labels = "{\"text\":\"股价上涨\",\"label\":\"positive\"}\n{\"text\":\"业绩下滑\",\"label\":\"negative\",\"split\":\"dev\"}\n";
    private const string Entities = "{\"text\":\"😀刘德华在香港\",\"entities\":[{\"start\":2,\"end\":5,\"type\":\"人物\"},{\"start\":6,\"end\":8,\"type\":\"地点\"}]}\n";
    private const string Questions = "{\"data\":[{\"paragraphs\":[{\"context\":\"甲写了乙。\",\"qas\":[{\"id\":\"q\",\"question\":\"谁写了乙？\",\"answers\":[{\"text\":\"甲\",\"answer_start\":0}]}]}]}]}";

    [Theory]
    [InlineData(Labels, DatasetKind.Classification, 2, "股价上涨", "positive")]
    [InlineData(Entities, DatasetKind.Tagging, 1, "😀刘德华在香港", "刘德华 人物；香港 地点")]
    [InlineData(Questions, DatasetKind.QuestionAnswering, 1, "甲写了乙。", "甲")]
    [InlineData("{\"text\":\"一段文字\"}", DatasetKind.Text, 1, "一段文字", "")]
    [InlineData("{\"instruction\":\"抽取\",\"input\":\"甲\",\"output\":\"无\"}", DatasetKind.Instruction, 1, "甲", "无")]
    public async Task Import_FileOfAKind_IsRecognisedKeptAndExportedAsIt(string file, DatasetKind kind, int count, string input, string output)
    {
        var id = await NewAsync();

        var report = await ImportAsync(id, file);

        Assert.Equal((kind, count, 0, true), (report.Kind, report.Accepted, report.Refused, report.Committed));
        Assert.Equal(kind, (await server.Http.AskAsync<DatasetSummary>(Of(id))).Kind);
        var record = (await server.Http.AskAsync<RecordPage>($"{Of(id)}/records")).Records[0];
        Assert.Equal((input, output), (record.Input, record.Output));
        Assert.Equal(kind == DatasetKind.Instruction, record.Data is null);
        var again = await ImportAsync(await NewAsync(), await server.Http.GetStringAsync(new Uri($"{Of(id)}/export", UriKind.Relative)));
        Assert.Equal((kind, count, 0), (again.Kind, again.Accepted, again.Refused));
    }

    [Fact]
    public async Task Import_AnotherKind_IsRefusedAndNothingChanges()
    {
        var id = await NewAsync();
        await ImportAsync(id, Labels);

        var report = await ImportAsync(id, Entities);

        Assert.Equal((0, false), (report.Accepted, report.Committed));
        Assert.Contains("texts with entities", Assert.Single(report.Problems).Message, StringComparison.Ordinal);
        Assert.Equal(2, (await server.Http.AskAsync<RecordPage>($"{Of(id)}/records")).Total);
    }

    [Theory]
    [InlineData("{\"text\":\"好\",\"label\":\"a\"}\n{\"text\":\"坏\"}", "label")]
    [InlineData("{\"text\":\"好\",\"entities\":[]}\n{\"text\":\"好\",\"entities\":[{\"start\":0,\"end\":9,\"type\":\"x\"}]}", "entities[0]")]
    public async Task Import_UnusableRow_NamesLineAndField(string file, string field)
    {
        var report = await ImportAsync(await NewAsync(), file);

        Assert.Equal((1, 1), (report.Accepted, report.Refused));
        var problem = Assert.Single(report.Problems);
        Assert.Equal(2, problem.Line);
        Assert.StartsWith(field, problem.Field, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Save_RecordOfTheKind_IsCheckedAndCanBeUndone()
    {
        var id = await NewAsync();
        await server.Http.SendAsync<RecordDto>(HttpMethod.Post, $"{Of(id)}/records", Save("{\"text\":\"涨了\",\"label\":\"positive\"}"));

        Assert.Contains("label", await server.Http.RefusalAsync(HttpMethod.Post, $"{Of(id)}/records", Save("{\"text\":\"涨了\"}"), 422), StringComparison.Ordinal);
        Assert.Contains("not instructions", await server.Http.RefusalAsync(HttpMethod.Post, $"{Of(id)}/records", new SaveRecord(DatasetSplit.Train, "a", "b", "c", null), 422), StringComparison.Ordinal);
        var record = (await server.Http.AskAsync<RecordPage>($"{Of(id)}/records")).Records.Single();
        var changed = await server.Http.SendAsync<RecordDto>(HttpMethod.Put, $"{Of(id)}/records/{record.Id}", Save("{\"text\":\"跌了\",\"label\":\"negative\"}"));
        Assert.Equal("negative", changed.Output);
        await server.Http.SendAsync<EditState>(HttpMethod.Post, $"{Of(id)}/undo");
        Assert.Equal("positive", (await server.Http.AskAsync<RecordPage>($"{Of(id)}/records")).Records.Single().Output);
    }

    [Fact]
    public async Task Snapshot_TextsWithLabels_SaysKindAndLabelsInItsManifest()
    {
        var id = await NewAsync();
        await ImportAsync(id, Labels);

        var snapshot = await server.Http.SendAsync<SnapshotDto>(HttpMethod.Post, $"{Of(id)}/snapshots");

        var manifest = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(server.Factory.Data, "datasets", id, snapshot.Hash, "manifest.json"))).RootElement;
        Assert.Equal("classification", manifest.GetProperty("kind").GetString());
        Assert.Equal(["negative", "positive"], manifest.GetProperty("labels").EnumerateArray().Select(label => label.GetString()));
        Assert.Equal("single_label_classification", manifest.GetProperty("problem_type").GetString());
    }

    [Theory]
    [InlineData(Labels, "SEQ_CLS", new[] { "SEQ_CLS", "CAUSAL_LM" })]
    [InlineData(Entities, "TOKEN_CLS", new[] { "TOKEN_CLS" })]
    public async Task Preview_DatasetOfAKind_OffersTheTasksThatItTeaches(string file, string task, string[] tasks)
    {
        var id = await NewAsync();
        await ImportAsync(id, file);

        var preview = await server.Http.SendAsync<RunPreview>(HttpMethod.Post, $"{Routes.Runs}/preview", server.Draft("LORA") with { DatasetId = id });

        Assert.Equal(task, preview.TaskType);
        Assert.Equal(tasks, preview.Tasks);
        Assert.DoesNotContain(preview.Problems, problem => problem.Severity == "error");
    }

    [Fact]
    public async Task Preview_PlainText_IsLearntByADecoderAsItIs()
    {
        var id = await NewAsync();
        await ImportAsync(id, "{\"text\":\"一段文字\"}");

        var preview = await server.Http.SendAsync<RunPreview>(HttpMethod.Post, $"{Routes.Runs}/preview", server.Draft("LORA") with { DatasetId = id });

        Assert.Equal(["CAUSAL_LM"], preview.Tasks);
        Assert.DoesNotContain(preview.Problems, problem => problem.Severity == "error");
    }

    [Fact]
    public void Connect_FileOfAnOlderVersion_TakesRecordsOfKinds()
    {
        var path = Path.Combine(server.Factory.Data, Guid.NewGuid().ToString("N"), "working.db");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using (var old = new SqliteConnection($"Data Source={path}"))
        {
            old.Open();
            WorkingFile.Execute(old, "CREATE TABLE contents(id INTEGER PRIMARY KEY, instruction TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL, source TEXT NOT NULL, form TEXT, problems INTEGER NOT NULL)");
            WorkingFile.Execute(old, "CREATE TABLE records(id TEXT PRIMARY KEY, version INTEGER NOT NULL, split INTEGER NOT NULL, position INTEGER NOT NULL, content INTEGER NOT NULL) WITHOUT ROWID");
            WorkingFile.Execute(old, "INSERT INTO contents VALUES(1, 'a', 'b', 'c', 'typed', NULL, 0)");
            WorkingFile.Execute(old, "INSERT INTO records VALUES('r', 1, 0, 1, 1)");
        }

        using var connection = new WorkingFile(path).Connect();

        Assert.Equal(DatasetKind.Instruction, RecordQueries.Kind(connection));
        Assert.Equal("b", RecordQueries.Find(connection, "r")!.Input);
    }

    private static SaveRecord Save(string data) => new(DatasetSplit.Train, null, null, null, null, JsonSerializer.Deserialize<JsonElement>(data));

    private async Task<string> NewAsync() => (await server.Http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("Kind", ""))).Id;

    private Task<ImportReport> ImportAsync(string id, string text) =>
        server.Http.SendAsync<ImportReport>(HttpMethod.Post, $"{Of(id)}/import", new ImportText("data.jsonl", text, null));

    private static string Of(string id) => $"{Routes.Datasets}/{id}";
}
