using System.Text.Json;
using Bunit;
using Workbench.Client.Contracts;
using Workbench.Client.Features.Datasets;

namespace Workbench.Client.Tests.Datasets;

public sealed class TaskDraftTests : PagesContext
{
    [Theory]
    [InlineData(DatasetKind.Classification, "{\"text\":\"涨\",\"label\":\"positive\"}")]
    [InlineData(DatasetKind.Classification, "{\"text\":\"涨\",\"label\":[\"a\",\"b\"]}")]
    [InlineData(DatasetKind.Classification, "{\"text\":\"涨\",\"label\":0.5}")]
    [InlineData(DatasetKind.Tagging, "{\"text\":\"甲和甲\",\"entities\":[{\"start\":2,\"end\":3,\"type\":\"人物\",\"text\":\"甲\"}]}")]
    [InlineData(DatasetKind.QuestionAnswering, "{\"question\":\"谁？\",\"context\":\"是甲\",\"answers\":[{\"text\":\"甲\",\"answer_start\":1}]}")]
    [InlineData(DatasetKind.Text, "{\"text\":\"一段\"}")]
    public void ToJson_UnchangedRecord_IsTheRecord(DatasetKind kind, string json)
    {
        var draft = TaskDraft.Of(kind, JsonSerializer.Deserialize<JsonElement>(json));

        Assert.Null(draft.Blocked());
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(json), draft.ToJson()), draft.ToJson().GetRawText());
    }

    [Fact]
    public void Spans_SameWordsTwice_AreTwoOccurrences()
    {
        var draft = new TaskDraft(DatasetKind.Tagging) { Text = "甲和甲" };
        draft.Mentions.Clear();
        draft.Mentions.AddRange([new() { Words = "甲", Type = "人物" }, new() { Words = "甲", Type = "人物" }]);

        Assert.Equal([new(0, 1, "人物"), new(2, 3, "人物")], draft.Spans());
        draft.Mentions.Add(new() { Words = "甲", Type = "人物" });
        Assert.Equal(["甲"], draft.Missing());
        Assert.Equal("needOccurrence", draft.Blocked());
    }

    [Fact]
    public void View_TextWithEntities_MarksThemAndNamesTheirType()
    {
        var view = Render<TaskRecordView>(p => p.Add(c => c.Kind, DatasetKind.Tagging)
            .Add(c => c.Data, JsonSerializer.Deserialize<JsonElement>("{\"text\":\"刘德华在香港\",\"entities\":[{\"start\":0,\"end\":3,\"type\":\"人物\"}]}")));

        var mark = view.Find("mark");
        Assert.Contains("刘德华", mark.TextContent, StringComparison.Ordinal);
        Assert.Equal("人物", mark.QuerySelector(".wb-entity-type")!.TextContent);
    }

    [Fact]
    public void Form_QuestionWithoutAnswerInThePassage_SaysSoAndCannotBeAdded()
    {
        var form = Render<TaskFormPanel>(p => p.Add(c => c.Kind, DatasetKind.QuestionAnswering).Add(c => c.Ready, true).Add(c => c.Add, _ => Task.CompletedTask));

        form.FindAll("input")[0].Input("谁写了乙？");
        form.Find("textarea").Input("甲写了乙。");
        form.FindAll("input")[1].Input("丙");

        Assert.Contains("丙", form.Find(".wb-warn").TextContent, StringComparison.Ordinal);
        Assert.True(form.Find("button[type=submit]").HasAttribute("disabled"));
        form.FindAll("input")[1].Input("甲");
        Assert.False(form.Find("button[type=submit]").HasAttribute("disabled"));
    }
}
