using Peft.Core.Data;
using Peft.Core.Data.Annotation;

namespace Peft.Core.Tests.Data.Annotation;

public sealed class AnnotationRulesTests
{
    private static readonly AnnotationSchema s_schema = new(
        [new("人物", 0), new("地点", 1), new("时间", 2)],
        [
            new("配偶", ["人物"], ["人物"], Symmetric: true, MaxPerHead: 1),
            new("出生地", ["人物"], ["地点"], MaxPerHead: 1),
            new("父母", ["人物"], ["人物"], Inverse: "子女"),
            new("子女", ["人物"], ["人物"], Inverse: "父母"),
        ]);

    private static readonly AnnotatedSpan s_he = new("a", 0, 3, "人物");
    private static readonly AnnotatedSpan s_she = new("b", 4, 7, "人物");
    private static readonly AnnotatedSpan s_place = new("c", 8, 10, "地点");
    private static readonly AnnotatedText s_text = new("刘德华与朱丽倩在香港", [s_he, s_she, s_place], []);

    [Fact]
    public void Schema_IsSound() => Assert.Empty(s_schema.WithKeys().Check());

    [Fact]
    public void Relate_LegalEnds_StandsThere()
    {
        var after = Apply(s_text, Relate("r", "a", "配偶", "b"));

        Assert.Equal([new Triple("刘德华", "配偶", "朱丽倩")], after.Triples());
    }

    [Theory]
    [InlineData("a", "出生地", "b", "'出生地' leads to 地点, not to 人物.")]
    [InlineData("c", "配偶", "a", "'配偶' starts at 人物, not at 地点.")]
    [InlineData("a", "朋友", "b", "The schema has no relation '朋友'.")]
    [InlineData("a", "配偶", "a", "'配偶' would lead from an entity to itself.")]
    [InlineData("a", "配偶", "x", "An end of the relation '配偶' was removed in the meantime.")]
    public void Relate_Illegal_IsRefusedWithTheReason(string head, string type, string tail, string reason) =>
        Assert.Equal(reason, Refused(s_text, Relate("r", head, type, tail)));

    [Theory]
    [InlineData("a", "b")]
    [InlineData("b", "a")]
    public void Relate_Twice_IsRefused(string head, string tail)
    {
        var there = Apply(s_text, Relate("r", "a", "配偶", "b"));
        Assert.Contains("is there already", Refused(there, Relate("s", head, "配偶", tail)), StringComparison.Ordinal);
    }

    [Fact]
    public void Relate_OtherTypeOnTheSamePair_IsAllowed()
    {
        var there = Apply(s_text, Relate("r", "a", "配偶", "b"));
        Assert.Equal(2, Apply(there, Relate("s", "a", "父母", "b")).Relations.Count);
        Assert.Equal(2, Apply(Apply(s_text, Relate("r", "a", "父母", "b")), Relate("s", "b", "父母", "a")).Relations.Count);
    }

    [Fact]
    public void Relate_MoreThanTheLimit_IsRefused()
    {
        var text = Apply(s_text, Mark(new AnnotatedSpan("d", 0, 7, "人物")));
        text = Apply(text, Relate("r", "a", "配偶", "b"));
        Assert.Equal("'刘德华' may be the head of '配偶' at most 1 time(s).", Refused(text, Relate("s", "a", "配偶", "d")));
    }

    [Theory]
    [InlineData(0, 3, "人物", "'刘德华' is marked as '人物' at this place already.")]
    [InlineData(0, 3, "动物", "The schema has no entity type '动物'.")]
    [InlineData(0, 3, "", "An entity needs a type.")]
    [InlineData(5, 5, "人物", "The stretch from 5 to 5 is empty or lies outside the text, which has 10 characters.")]
    public void Mark_Impossible_IsRefusedWithTheReason(int start, int end, string type, string reason) =>
        Assert.Equal(reason, Refused(s_text, Mark(new AnnotatedSpan("n", start, end, type))));

    [Fact]
    public void Mark_HalfACharacter_IsRefused() =>
        Assert.Contains("cuts a character", Refused(AnnotatedText.Of("👩🏽‍🏫"), Mark(new AnnotatedSpan("n", 0, 2, "人物"))), StringComparison.Ordinal);

    [Fact]
    public void Mark_NestedAndOverlapping_IsAllowed()
    {
        var text = Apply(Apply(s_text, Mark(new AnnotatedSpan("n", 0, 7, "人物"))), Mark(new AnnotatedSpan("o", 2, 5, "人物")));
        Assert.Equal(6, Apply(text, Mark(s_he with { Id = "p", Type = "地点" })).Spans.Count);
    }

    [Fact]
    public void Retype_UnderARelation_IsRefusedWithTheRelation()
    {
        var text = Apply(s_text, Relate("r", "a", "配偶", "b"));
        Assert.Equal("The relation (刘德华, 配偶, 朱丽倩) does not allow that type. '配偶' starts at 人物, not at 地点.",
            Refused(text, new("o", "retype", [new(s_he, s_he with { Type = "地点" })], [])));
    }

    [Fact]
    public void Apply_StateThatIsNoLongerThere_IsAConflict()
    {
        var removed = Apply(s_text, new("o", "delete", [new(s_place, null)], []));
        Assert.Throws<AnnotationConflictException>(() => Apply(removed, new("p", "retype", [new(s_place, s_place with { Type = "时间" })], [])));
        Assert.Throws<AnnotationConflictException>(() => Apply(s_text, Mark(s_he)));
    }

    [Fact]
    public void Delete_WithItsRelations_AndInverse_BringsAllBack()
    {
        var before = Apply(s_text, Relate("r", "a", "配偶", "b"));
        var arc = before.Relations[0];
        Assert.Throws<AnnotationConflictException>(() => Apply(before, new("o", "delete", [new(s_he, null)], [])));

        var delete = new AnnotationOperation("o", "delete", [new(s_he, null)], [new(arc, null)]);
        var undo = delete.Inverse("u");
        var back = Apply(Apply(before, delete), undo);

        Assert.True(undo.TakesBack(delete));
        Assert.False((undo with { Relations = [] }).TakesBack(delete));
        Assert.Equal(before.Spans.ToHashSet(), [.. back.Spans]);
        Assert.Equal(before.Relations, back.Relations);
    }

    [Fact]
    public void RandomOperations_TakenBackOneByOne_LeadToTheStart()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var (start, _) = RandomTexts.Make(seed);
            var schema = new AnnotationSchema([new("T0", 0), new("T1", 1), new("T2", 2)], [new("R", [], [])]);
            var random = new Random(seed);
            var (text, done) = (start, new Stack<AnnotationOperation>());
            for (var i = 0; i < 20 && text.Spans.Count > 0; i++)
            {
                var span = text.Spans[random.Next(text.Spans.Count)];
                var arcs = text.Relations.Where(r => r.Head == span.Id || r.Tail == span.Id).Select(r => new RelationChange(r, null)).ToArray();
                var operation = random.Next(2) == 0
                    ? new AnnotationOperation($"o{i}", "delete", [new(span, null)], arcs)
                    : new AnnotationOperation($"o{i}", "retype", [new(span, span with { Type = "T" + (i % 3) })], []);
                try
                {
                    text = AnnotationRules.Apply(text, operation, schema);
                    done.Push(operation);
                }
                catch (PeftException)
                {
                    // The same stretch has that type already: refused, and nothing happened.
                    Assert.NotEmpty(text.Spans);
                }
            }

            while (done.TryPop(out var last))
                text = AnnotationRules.Apply(text, last.Inverse("u" + last.Id), schema, trusted: true);
            Assert.Equal(start.Spans.ToHashSet(), [.. text.Spans]);
            Assert.Equal(start.Relations.ToHashSet(), [.. text.Relations]);
        }
    }

    [Fact]
    public void Flags_AfterTheSchemaChanged_NameWhatNoLongerFits()
    {
        var text = Apply(s_text, Relate("r", "a", "出生地", "c"));
        var changed = s_schema with { Entities = [new("人物", 0)], Relations = [new("出生地", ["人物"], ["人物"])] };

        Assert.Equal(["c", "r"], text.Flags(changed).Select(f => f.Id));
        Assert.Empty(text.Flags(s_schema));
    }

    [Fact]
    public void Check_BadSchema_NamesEveryFault()
    {
        var bad = new AnnotationSchema(
            [new("人物", 0, "1"), new("人物", 40, "r"), new("", 0, "1")],
            [new("配偶", ["动物"], ["人物"], Symmetric: true, Inverse: "父母", MaxPerHead: -1, Key: "ab")]);

        var said = string.Join('\n', bad.Check());

        foreach (var part in new[] { "given twice", "colour 40", "needs itself", "no name", "'1' is given to", "'动物'", "inverse '父母'", "symmetric", "negative limit", "one digit or one small letter" })
            Assert.Contains(part, said, StringComparison.Ordinal);
    }

    private static AnnotatedText Apply(AnnotatedText text, AnnotationOperation operation) => AnnotationRules.Apply(text, operation, s_schema);

    private static string Refused(AnnotatedText text, AnnotationOperation operation) => Assert.ThrowsAny<PeftException>(() => Apply(text, operation)).Message;

    private static AnnotationOperation Mark(AnnotatedSpan span) => new("o" + span.Id, "mark", [new(null, span)], []);

    private static AnnotationOperation Relate(string id, string head, string type, string tail) => new("o" + id, "relate", [], [new(null, new(id, head, tail, type))]);
}
