using Peft.Core.Data.Annotation;

namespace Peft.Core.Tests.Data.Annotation;

public sealed class MentionFinderTests
{
    private static readonly AnnotationSchema s_schema = new(
        [new("人物", 0), new("时间", 1, Patterns: "/[0-9]{4}年([0-9]{1,2}月)?/\n当天"), new("地点", 2)], []);

    [Fact]
    public void Find_RulesAndHabits_TakesTheLongestAndLeavesWhatIsMarked()
    {
        var other = new AnnotatedText("刘德华在香港，刘德华在北京。", [new("a", 0, 3, "人物"), new("b", 4, 6, "地点"), new("c", 11, 13, "地点")], []);
        var text = new AnnotatedText("2008年6月，刘德华当天在北京与香港。", [new("x", 16, 18, "地点")], []);

        var found = MentionFinder.Find(text, s_schema, [other]);

        Assert.Equal([(0, 7, "时间"), (8, 11, "人物"), (11, 13, "时间")], found.Take(3).Select(m => (m.Start, m.End, m.Type)));
        Assert.Equal(["2008年6月", "刘德华", "当天", "北京"], found.Select(m => text.Text[m.Start..m.End]));
        // One of the two mentions was marked.
        Assert.Equal(0.5, found[1].Score);
        Assert.Equal(1, found[2].Score);
    }

    [Fact]
    public void Find_OnRandomTexts_NeverCutsACharacterAndNeverOverlaps()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var (text, _) = RandomTexts.Make(seed);
            var schema = new AnnotationSchema([new("T0", 0, Patterns: "/./"), new("T1", 1, Patterns: "e\n👩"), new("T2", 2)], []);
            var places = new TextUnits(text.Text);
            var end = 0;
            foreach (var mention in MentionFinder.Find(text with { Spans = [], Relations = [] }, schema, [text]))
            {
                Assert.True(mention.Start >= end && places.IsBoundary(mention.Start) && places.IsBoundary(mention.End));
                end = mention.End;
            }
        }
    }

    [Fact]
    public void Check_FaultyExpression_IsNamed()
    {
        var bad = new AnnotationSchema([new("人物", 0, Patterns: "/(/")], []);
        Assert.Contains("'人物' has the rule '/(/'", Assert.Single(bad.Check()).Message, StringComparison.Ordinal);
    }
}
