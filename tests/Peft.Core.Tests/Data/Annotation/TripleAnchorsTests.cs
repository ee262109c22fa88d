using Peft.Core.Data;
using Peft.Core.Data.Annotation;

namespace Peft.Core.Tests.Data.Annotation;

public sealed class TripleAnchorsTests
{
    private const string Passage = "刘德华与朱丽倩结婚。朱丽倩生于香港，刘德华也生于香港。";

    private static readonly AnnotationSchema s_schema = new(
        [new("人物", 0), new("地点", 1)], [new("配偶", ["人物"], ["人物"]), new("出生地", ["人物"], ["地点"]), new("相关", [], [])]);

    private int _ids;

    [Fact]
    public void Anchor_FreshText_MarksTheMentionsThatStandClosest()
    {
        var text = Anchored(AnnotatedText.Of(Passage), Passage, new("刘德华", "配偶", "朱丽倩"), new("刘德华", "出生地", "香港"));

        // The second triple takes the man who is marked already.
        Assert.Equal([(0, 3, "人物"), (4, 7, "人物"), (15, 17, "地点")], text.Spans.Select(s => (s.Start, s.End, s.Type)).Order());
        Assert.Equal(2, text.Relations.Count);
        Assert.Empty(text.Flags(s_schema));
    }

    [Fact]
    public void Anchor_SameTriples_ChangesNothing()
    {
        var text = Anchored(AnnotatedText.Of(Passage), Passage, new("刘德华", "配偶", "朱丽倩"), new("刘德华", "相关", "香港"));
        var again = TripleAnchors.Anchor(text, Passage, text.Triples(), s_schema, NewId);

        Assert.Empty(again.Spans);
        Assert.Empty(again.Relations);
        Assert.Empty(again.Problems);
    }

    [Fact]
    public void Anchor_TripleTakenOut_LeavesTheEntities()
    {
        var text = Anchored(AnnotatedText.Of(Passage), Passage, new Triple("刘德华", "配偶", "朱丽倩"));
        var after = Anchored(text, Passage);

        Assert.Empty(after.Relations);
        Assert.Equal(text.Spans, after.Spans);
    }

    [Fact]
    public void Anchor_EditedText_MovesWhatStandsBehindAndDropsWhatIsGone()
    {
        var text = Anchored(AnnotatedText.Of(Passage), Passage, new("刘德华", "配偶", "朱丽倩"), new("朱丽倩", "出生地", "香港"));
        const string Edited = "2008年，刘德华与朱丽倩结婚。朱丽倩生于北京，刘德华也生于北京。";

        var after = Anchored(text, Edited, new Triple("刘德华", "配偶", "朱丽倩"));

        Assert.Equal(["刘德华", "朱丽倩"], after.Spans.Select(after.Words));
        Assert.Single(after.Relations);
    }

    [Fact]
    public void Anchor_WordsThatDoNotOccur_AreNamed()
    {
        var result = TripleAnchors.Anchor(AnnotatedText.Of(Passage), Passage, [new("张三", "配偶", "朱丽倩")], s_schema, NewId);

        Assert.Equal("'张三' does not occur in the passage.", Assert.Single(result.Problems).Message);
        Assert.Empty(result.Relations);
    }

    [Fact]
    public void Anchor_RandomTexts_SayTheirTriplesAgain()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var (text, _) = RandomTexts.Make(seed);
            var triples = text.Triples().Where(t => t.Head.Length > 0 && t.Tail.Length > 0).ToArray();
            var schema = AnnotationSchema.Empty;
            var bare = text with { Spans = [], Relations = [] };

            var result = TripleAnchors.Anchor(bare, text.Text, triples, schema, NewId);
            var after = AnnotationRules.Apply(bare, new("o", "text", result.Spans, result.Relations), schema, trusted: true);

            Assert.True(after.Triples().ToHashSet().IsSubsetOf(triples));
            Assert.Equal(triples.Distinct().Count(), after.Triples().Count + result.Problems.Select(p => p.Field).Distinct().Count());
        }
    }

    private AnnotatedText Anchored(AnnotatedText text, string passage, params Triple[] triples)
    {
        var result = TripleAnchors.Anchor(text, passage, triples, s_schema, NewId);
        Assert.Empty(result.Problems);
        var texts = passage == text.Text ? null : new TextsChange(new("", text.Text, ""), new("", passage, ""));
        return AnnotationRules.Apply(text, new("o", "text", result.Spans, result.Relations, texts), s_schema, trusted: true);
    }

    private string NewId() => $"n{_ids++}";
}
