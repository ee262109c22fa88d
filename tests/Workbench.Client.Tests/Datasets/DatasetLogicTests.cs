using Workbench.Client.Contracts;
using Workbench.Client.Features.Datasets;

namespace Workbench.Client.Tests.Datasets;

public sealed class DatasetLogicTests
{
    [Fact]
    public void RelationSpans_LectureExample_ColoursEveryMentionAndDrawsThreeArcs()
    {
        var spans = RelationSpans.Of(LectureRecord.Form.Passage, LectureRecord.Form.Triples);

        Assert.Equal(LectureRecord.Form.Passage, string.Concat(spans.Pieces.Select(piece => piece.Text)));
        Assert.Equal(["刘德华", "朱丽倩", "刘向蕙"], spans.Names);
        Assert.Equal(7, spans.Pieces.Count(piece => piece.Entity is not null));
        Assert.Equal([new RelationArc(0, 1, "配偶"), new RelationArc(2, 0, "父母"), new RelationArc(2, 1, "父母")], spans.Arcs);
        Assert.Empty(spans.Missing);
    }

    [Fact]
    public void RelationSpans_NameInsideLongerName_TheLongerWins()
    {
        var spans = RelationSpans.Of("美国拉斯维加斯在美国。", [new("美国拉斯维加斯", "位于", "美国")]);

        Assert.Equal(["美国拉斯维加斯", "在", "美国", "。"], spans.Pieces.Select(piece => piece.Text));
    }

    [Fact]
    public void RelationSpans_NameNotInPassage_IsNamedAndGetsNoArc()
    {
        var spans = RelationSpans.Of("魏晓来了。", [new("魏晓", "作者", "不在这里")]);

        Assert.Equal(["不在这里"], spans.Missing);
        Assert.Empty(spans.Arcs);
    }

    [Theory]
    [InlineData("dev", "魏", "3", "r9", "tokens")]
    [InlineData(null, "", null, null, null)]
    public void DatasetState_ThroughTheAddress_IsTheSame(string? split, string query, string? page, string? record, string? face)
    {
        var state = DatasetState.Read(split, query, page, record, face);
        var back = state.ToQuery();

        Assert.Equal(state, DatasetState.Read(Text(back["split"]), Text(back["q"]), Text(back["page"]), Text(back["record"]), Text(back["face"])));
        Assert.Equal(split is null, back["split"] is null);
    }

    [Fact]
    public void DatasetState_Nonsense_FallsBackToTheBeginning() =>
        Assert.Equal(new DatasetState(), DatasetState.Read("nowhere", null, "-4", "", "17"));

    [Fact]
    public void RelationDraft_RowsLeftEmpty_AreNoTriples()
    {
        var draft = new RelationDraft { Candidates = "父母, 配偶", Passage = " 一句话 " };
        draft.Triples.Add(new TripleDraft { Head = "一", Relation = "配偶" });

        var form = draft.ToForm();

        Assert.Equal(new TripleDto("一", "配偶", ""), Assert.Single(form.Triples));
        Assert.Equal("一句话", form.Passage);
    }

    private static string? Text(object? value) => value?.ToString();
}
