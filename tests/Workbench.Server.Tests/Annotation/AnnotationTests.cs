using System.Text.Json;
using Workbench.Client.Contracts;
using Workbench.Server.Tests.Support;

namespace Workbench.Server.Tests.Annotation;

public sealed class AnnotationTests(WorkbenchFactory server) : IClassFixture<WorkbenchFactory>
{
    private const string Passage = "2008年6月23日，刘德华与朱丽倩在美国拉斯维加斯注册结婚。";

    private readonly HttpClient _http = server.CreateClient();

    [Fact]
    public async Task Operations_MarkAndRelate_WriteTheRecordsOwnAnswer()
    {
        var (id, record) = await NewAsync();
        await MarkAsync(id, record, "a", 11, 14, "人物");
        await MarkAsync(id, record, "b", 15, 18, "人物");
        var texts = (await RelateAsync(id, record, "r", "a", "配偶", "b")).GetProperty("texts");

        Assert.Equal("(刘德华,配偶,朱丽倩)", texts.GetProperty("output").GetString());
        Assert.True(texts.GetProperty("follows").GetBoolean());
        var saved = await _http.AskAsync<RecordDto>($"{Routes.Datasets}/{id}/records/{record}");
        Assert.Equal("(刘德华,配偶,朱丽倩)", saved.Output);
        Assert.Equal([new TripleDto("刘德华", "配偶", "朱丽倩")], saved.Form!.Triples);
        var view = await OpenAsync(id, record);
        Assert.Equal(["a", "b"], view.GetProperty("spans").EnumerateArray().Select(s => s.GetProperty("id").GetString()));
        Assert.Equal((1, 1), (view.GetProperty("number").GetInt32(), view.GetProperty("total").GetInt32()));
    }

    [Fact]
    public async Task Operation_SentTwice_IsAppliedOnce()
    {
        var (id, record) = await NewAsync();
        var first = await MarkAsync(id, record, "a", 11, 14, "人物");
        var second = await MarkAsync(id, record, "a", 11, 14, "人物");

        Assert.Equal(first.GetProperty("revision").GetInt64(), second.GetProperty("revision").GetInt64());
        Assert.Single((await OpenAsync(id, record)).GetProperty("spans").EnumerateArray());
    }

    [Fact]
    public async Task Operation_IllegalOrTwice_IsRefusedWithTheReason()
    {
        var (id, record) = await NewAsync();
        await SaveSchemaAsync(id);
        await MarkAsync(id, record, "a", 11, 14, "人物");
        await MarkAsync(id, record, "t", 0, 10, "时间");

        Assert.Equal("'配偶' leads to 人物, not to 时间.", await RefusalAsync(id, record, Relation("r", "a", "配偶", "t"), 422));
        Assert.Equal("'刘德华' is marked as '人物' at this place already.", await RefusalAsync(id, record, Span("b", 11, 14, "人物"), 422));
        await RelateAsync(id, record, "w", "a", "结婚时间", "t");
        Assert.Equal("The relation (刘德华, 结婚时间, 2008年6月23日) is there already.", await RefusalAsync(id, record, Relation("w2", "a", "结婚时间", "t"), 422));
        Assert.Equal("Somebody else removed the entity '朱丽倩' in the meantime.",
            await RefusalAsync(id, record, new { id = "x", kind = "delete", spans = new[] { new { before = new { id = "z", start = 15, end = 18, type = "人物" } } } }, 409));
    }

    [Fact]
    public async Task Undo_OfADeletionAfterARestart_BringsEntityRelationAndAnswerBack()
    {
        var data = Path.Combine(Path.GetTempPath(), "workbench-tests", Guid.NewGuid().ToString("N"));
        try
        {
            string id, record;
            object span = new { id = "a", start = 11, end = 14, type = "人物" }, arc = new { id = "r", head = "a", tail = "b", type = "配偶" };
            await using (var first = WorkbenchFactory.On(data))
            {
                using var http = first.CreateClient();
                (id, record) = await NewAsync(http);
                await SendAsync(http, id, record, Span("a", 11, 14, "人物"));
                await SendAsync(http, id, record, Span("b", 15, 18, "人物"));
                await SendAsync(http, id, record, Relation("r", "a", "配偶", "b"));
                await SendAsync(http, id, record, new { id = "del", kind = "delete", spans = new[] { new { before = span } }, relations = new[] { new { before = arc } } });
                Assert.Equal("无", (await http.AskAsync<RecordDto>($"{Routes.Datasets}/{id}/records/{record}")).Output);
            }

            await using var second = WorkbenchFactory.On(data);
            using var again = second.CreateClient();
            var history = (await again.AskAsync<JsonElement>($"{Routes.Datasets}/{id}/annotation")).GetProperty("history").EnumerateArray().ToArray();
            Assert.Equal("del", history[^1].GetProperty("operation").GetProperty("id").GetString());
            var answer = await SendAsync(again, id, record, new { id = "undo", kind = "undo", undoes = "del", spans = new[] { new { after = span } }, relations = new[] { new { after = arc } } });
            Assert.Equal("(刘德华,配偶,朱丽倩)", answer.GetProperty("texts").GetProperty("output").GetString());
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public async Task Undo_OfSomethingElse_IsRefused()
    {
        var (id, record) = await NewAsync();
        await MarkAsync(id, record, "a", 11, 14, "人物");
        Assert.Contains("not in the log", await RefusalAsync(id, record, new { id = "u", kind = "undo", undoes = "other", spans = new[] { new { before = new { id = "a", start = 11, end = 14, type = "人物" } } } }, 409), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_TypedTriples_GiveAnOperationThatAppliesAndComesBack()
    {
        var (id, record) = await NewAsync();
        var saved = await _http.AskAsync<RecordDto>($"{Routes.Datasets}/{id}/records/{record}");
        var reading = await ReadAsync(id, record, saved.Instruction, saved.Input, "(刘德华,配偶,朱丽倩)");
        Assert.Empty(reading.GetProperty("problems").EnumerateArray());

        var answer = await SendAsync(_http, id, record, reading.GetProperty("operation"));

        Assert.Equal("(刘德华,配偶,朱丽倩)", answer.GetProperty("texts").GetProperty("output").GetString());
        Assert.Equal(2, (await OpenAsync(id, record)).GetProperty("spans").GetArrayLength());
    }

    [Theory]
    [InlineData("(刘德华,配偶,朱丽倩),(甲", 14, "is no list of triples")]
    [InlineData("(张三,配偶,朱丽倩)", null, "'张三' does not occur")]
    [InlineData("(刘德华,同学,朱丽倩)", null, "no relation '同学'")]
    [InlineData("", null, "is empty")]
    public async Task Read_FaultyTriples_SaysWhereAndWhy(string output, int? column, string reason)
    {
        var (id, record) = await NewAsync();
        var saved = await _http.AskAsync<RecordDto>($"{Routes.Datasets}/{id}/records/{record}");
        var reading = await ReadAsync(id, record, saved.Instruction, saved.Input, output);

        var problem = reading.GetProperty("problems").EnumerateArray().First();
        Assert.Contains(reason, problem.GetProperty("message").GetString()!, StringComparison.Ordinal);
        Assert.Equal("output", problem.GetProperty("field").GetString());
        if (column is { } place)
            Assert.Equal(place, problem.GetProperty("column").GetInt32());
        Assert.Equal(JsonValueKind.Null, reading.GetProperty("operation").ValueKind);
    }

    [Fact]
    public async Task Record_ChangedElsewhere_IsReadAgainAndKeepsWhatStillFits()
    {
        var (id, record) = await NewAsync();
        await MarkAsync(id, record, "a", 11, 14, "人物");
        var form = new RelationFormDto(["配偶"], "今天，" + Passage, [new("刘德华", "配偶", "朱丽倩")]);
        await _http.SendAsync<RecordDto>(HttpMethod.Put, $"{Routes.Datasets}/{id}/records/{record}", new SaveRecord(DatasetSplit.Train, null, null, null, form));

        var view = await OpenAsync(id, record);

        Assert.Equal([14, 18], view.GetProperty("spans").EnumerateArray().Select(s => s.GetProperty("start").GetInt32()).Order());
        Assert.Single(view.GetProperty("relations").EnumerateArray());
        Assert.Equal(view.GetProperty("spans").GetRawText(), (await OpenAsync(id, record)).GetProperty("spans").GetRawText());
        Assert.Equal("(刘德华,配偶,朱丽倩)", (await MarkAsync(id, record, "t", 3, 13, "时间")).GetProperty("texts").GetProperty("output").GetString());
    }

    [Fact]
    public async Task Schema_Renamed_TakesMarksAndAnswersAlong()
    {
        var (id, record) = await NewAsync();
        await SaveSchemaAsync(id);
        await MarkAsync(id, record, "a", 11, 14, "人物");
        await MarkAsync(id, record, "b", 15, 18, "人物");
        await RelateAsync(id, record, "r", "a", "配偶", "b");
        var schema = new AnnotationSchemaDto([new("人", 0), new("时间", 1)], [new("夫妻", ["人"], ["人"], Symmetric: true)]);

        var state = await _http.SendAsync<AnnotationSchemaState>(HttpMethod.Put, $"{Routes.Datasets}/{id}/annotation/schema",
            new SaveAnnotationSchema(1, schema, new Dictionary<string, string> { ["人物"] = "人" }, new Dictionary<string, string> { ["配偶"] = "夫妻" }));

        Assert.Equal((2, 0), (state.Version, state.Flagged));
        var saved = await _http.AskAsync<RecordDto>($"{Routes.Datasets}/{id}/records/{record}");
        Assert.Equal("(刘德华,夫妻,朱丽倩)", saved.Output);
        Assert.Contains("'夫妻'", saved.Instruction, StringComparison.Ordinal);
        Assert.Contains("in the meantime", await _http.RefusalAsync(HttpMethod.Put, $"{Routes.Datasets}/{id}/annotation/schema", new SaveAnnotationSchema(1, schema), 409), StringComparison.Ordinal);
        var narrower = schema with { Entities = [new("时间", 1)], Relations = [] };
        Assert.Equal(1, (await _http.SendAsync<AnnotationSchemaState>(HttpMethod.Put, $"{Routes.Datasets}/{id}/annotation/schema", new SaveAnnotationSchema(2, narrower))).Flagged);
    }

    [Fact]
    public async Task State_Done_CountsAndLeadsToTheNextOpenRecord()
    {
        var (id, first) = await NewAsync();
        var second = await AddAsync(_http, id, "第二段。");
        var answer = await SendAsync(_http, id, first, new { id = "d", kind = "state", state = new { before = new { name = "open", reason = "" }, after = new { name = "done", reason = "" } } });

        Assert.Equal(1, answer.GetProperty("progress").GetProperty("done").GetInt32());
        Assert.Equal("无", (await _http.AskAsync<RecordDto>($"{Routes.Datasets}/{id}/records/{first}")).Output);
        Assert.Equal(second, (await OpenAsync(id, first)).GetProperty("nextOpen").GetString());
        Assert.Equal(second, (await _http.AskAsync<JsonElement>($"{Routes.Datasets}/{id}/annotation")).GetProperty("first").GetString());
        Assert.Contains("skipped with a reason", await RefusalAsync(id, second, new { id = "s", kind = "state", state = new { before = new { name = "open", reason = "" }, after = new { name = "skipped", reason = "" } } }, 422), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TaggedTexts_Marked_ChangeTheRecordsEntities()
    {
        var id = (await _http.SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("names", ""))).Id;
        await _http.SendAsync<ImportReport>(HttpMethod.Post, $"{Routes.Datasets}/{id}/import?commit=true",
            new ImportText("x.jsonl", """{"text":"👩🏽‍🏫刘德华在香港","entities":[{"start":7,"end":10,"type":"PER"}]}""", null));
        var record = (await _http.AskAsync<RecordPage>($"{Routes.Datasets}/{id}/records")).Records[0].Id;
        Assert.Equal([0, 7], (await OpenAsync(id, record)).GetProperty("longClusters").EnumerateArray().Select(x => x.GetInt32()));

        await MarkAsync(id, record, "l", 11, 13, "PER");

        var data = (await _http.AskAsync<RecordDto>($"{Routes.Datasets}/{id}/records/{record}")).Data!.Value;
        Assert.Equal(["刘德华", "香港"], data.GetProperty("entities").EnumerateArray().Select(e => e.GetProperty("text").GetString()));
        var line = await _http.GetStringAsync(new Uri($"{Routes.Datasets}/{id}/annotation/export", UriKind.Relative));
        Assert.Contains("\"start_offset\":4,\"end_offset\":7,\"text\":\"刘德华\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Suggest_RulesAndOtherRecords_FindsWhatIsNotMarkedYet()
    {
        var (id, record) = await NewAsync();
        var second = await AddAsync(_http, id, "2012年5月，刘德华在香港。");
        await _http.SendAsync<AnnotationSchemaState>(HttpMethod.Put, $"{Routes.Datasets}/{id}/annotation/schema", new SaveAnnotationSchema(0, new AnnotationSchemaDto(
            [new("人物", 0), new("时间", 1, Patterns: "/[0-9]{4}年[0-9]{1,2}月/")], [])));
        await MarkAsync(id, record, "a", 11, 14, "人物");

        var found = await _http.SendAsync<JsonElement>(HttpMethod.Post, $"{Routes.Datasets}/{id}/annotation/records/{second}/suggest", new AskSuggestions(null));

        Assert.Equal([(0, 7, "时间", 1.0), (8, 11, "人物", 1.0)],
            found.GetProperty("spans").EnumerateArray().Select(s => (s.GetProperty("start").GetInt32(), s.GetProperty("end").GetInt32(), s.GetProperty("type").GetString()!, s.GetProperty("score").GetDouble())));
        Assert.Contains("There is no run", await _http.RefusalAsync(HttpMethod.Post, $"{Routes.Datasets}/{id}/annotation/records/{second}/suggest", new AskSuggestions("none"), 422), StringComparison.Ordinal);
    }

    private async Task<(string Id, string Record)> NewAsync(HttpClient? http = null)
    {
        var id = (await (http ?? _http).SendAsync<DatasetSummary>(HttpMethod.Post, Routes.Datasets, new CreateDataset("annotate", ""))).Id;
        return (id, await AddAsync(http ?? _http, id, Passage));
    }

    private static async Task<string> AddAsync(HttpClient http, string id, string passage) =>
        (await http.SendAsync<RecordDto>(HttpMethod.Post, $"{Routes.Datasets}/{id}/records",
            new SaveRecord(DatasetSplit.Train, null, null, null, new RelationFormDto(["配偶", "结婚时间", "结婚地点"], passage, [])))).Id;

    private Task<AnnotationSchemaState> SaveSchemaAsync(string id) => _http.SendAsync<AnnotationSchemaState>(HttpMethod.Put, $"{Routes.Datasets}/{id}/annotation/schema", new SaveAnnotationSchema(0, new AnnotationSchemaDto(
        [new("人物", 0), new("时间", 1), new("地点", 2)],
        [new("配偶", ["人物"], ["人物"], Symmetric: true), new("结婚时间", ["人物"], ["时间"]), new("结婚地点", ["人物"], ["地点"])])));

    private static object Span(string id, int start, int end, string type) => new { id = "o" + id, kind = "mark", spans = new[] { new { after = new { id, start, end, type } } } };

    private static object Relation(string id, string head, string type, string tail) => new { id = "o" + id, kind = "relate", relations = new[] { new { after = new { id, head, tail, type } } } };

    private Task<JsonElement> MarkAsync(string id, string record, string span, int start, int end, string type) => SendAsync(_http, id, record, Span(span, start, end, type));

    private Task<JsonElement> RelateAsync(string id, string record, string arc, string head, string type, string tail) => SendAsync(_http, id, record, Relation(arc, head, type, tail));

    private Task<JsonElement> OpenAsync(string id, string record) => _http.AskAsync<JsonElement>($"{Routes.Datasets}/{id}/annotation/records/{record}");

    private Task<JsonElement> ReadAsync(string id, string record, string instruction, string input, string output) =>
        _http.SendAsync<JsonElement>(HttpMethod.Post, $"{Routes.Datasets}/{id}/annotation/records/{record}/read", new ReadRecordTexts(new RecordTextsDto(instruction, input, output)));

    private static Task<JsonElement> SendAsync(HttpClient http, string id, string record, object operation) =>
        http.SendAsync<JsonElement>(HttpMethod.Post, $"{Routes.Datasets}/{id}/annotation/records/{record}/operations", operation);

    private Task<string> RefusalAsync(string id, string record, object operation, int status) =>
        _http.RefusalAsync(HttpMethod.Post, $"{Routes.Datasets}/{id}/annotation/records/{record}/operations", operation, status);
}
