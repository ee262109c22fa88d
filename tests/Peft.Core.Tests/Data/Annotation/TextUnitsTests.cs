using System.Text;
using System.Text.Json;
using Peft.Core.Data.Annotation;

namespace Peft.Core.Tests.Data.Annotation;

public sealed class TextUnitsTests
{
    private const int Documents = 500;

    [Fact]
    public void Offsets_Of500RandomDocuments_AlwaysShowTheMarkedWords()
    {
        for (var seed = 0; seed < Documents; seed++)
        {
            var (text, marked) = RandomTexts.Make(seed);
            var places = new TextUnits(text.Text);
            var bytes = Encoding.UTF8.GetBytes(text.Text);
            var runes = text.Text.EnumerateRunes().ToArray();
            foreach (var (span, words) in text.Spans.Zip(marked))
            {
                Assert.Equal(words, text.Words(span));
                Assert.Equal((span.Start, span.End), places.Snap(span.Start, span.End));
                var (from, to) = (places.To(OffsetUnit.CodePoint, span.Start), places.To(OffsetUnit.CodePoint, span.End));
                Assert.Equal(words, string.Concat(runes[from..to].Select(r => r.ToString())));
                Assert.Equal(words, Encoding.UTF8.GetString(bytes[places.To(OffsetUnit.Utf8, span.Start)..places.To(OffsetUnit.Utf8, span.End)]));
                foreach (var unit in Enum.GetValues<OffsetUnit>())
                    Assert.Equal(span.Start, places.From(unit, places.To(unit, span.Start)));
            }
        }
    }

    [Fact]
    public void Interchange_Of500RandomDocumentsThroughCodePoints_IsTheIdentity()
    {
        for (var seed = 0; seed < Documents; seed++)
        {
            var (text, _) = RandomTexts.Make(seed);
            foreach (var unit in Enum.GetValues<OffsetUnit>())
            {
                var line = AnnotationInterchange.Line(AnnotationInterchange.To(text, unit));
                // The unit that is claimed is wrong on purpose: the words decide.
                var back = AnnotationInterchange.From(JsonSerializer.Deserialize<InterchangeText>(line)!, OffsetUnit.Utf16);

                Assert.Equal(text.Text, back.Text);
                Assert.Equal(Marks(text), Marks(back));
                Assert.Equal(Triples(text), Triples(back));
            }
        }
    }

    [Fact]
    public void Snap_OfEveryStretchOfRandomDocuments_IsTheSmallestOfWholeCharacters()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var places = new TextUnits(RandomTexts.Make(seed).Text.Text);
            var boundaries = Enumerable.Range(0, places.Text.Length + 1).Where(places.IsBoundary).ToArray();
            Assert.Equal(places.ClusterCount, boundaries.Length - 1);
            for (var start = 0; start < places.Text.Length; start++)
            {
                var end = Math.Min(places.Text.Length, start + 1 + (start % 4));
                Assert.Equal((boundaries.Last(b => b <= start), boundaries.First(b => b >= end)), places.Snap(start, end));
            }
        }
    }

    [Theory]
    [InlineData("甲👩🏽‍🏫乙", 1, 8, 1, 8)]
    [InlineData("甲👩🏽‍🏫乙", 2, 3, 1, 8)]
    [InlineData("e\u0301x", 0, 1, 0, 2)]
    [InlineData("𠮷野", 1, 3, 0, 3)]
    public void Snap_InsideACharacter_TakesAllOfIt(string text, int start, int end, int from, int to) =>
        Assert.Equal((from, to), new TextUnits(text).Snap(start, end));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(2, 1)]
    [InlineData(-1, 1)]
    [InlineData(0, 9)]
    public void Snap_NoStretch_IsRefused(int start, int end) =>
        Assert.Contains("lies outside the text", Assert.Throws<PeftException>(() => new TextUnits("甲乙").Snap(start, end)).Message, StringComparison.Ordinal);

    [Fact]
    public void Detect_MarksBehindAnEmoji_FindsTheUnitOfTheFile()
    {
        const string Text = "👨‍👩‍👧与成都";
        Assert.Equal(OffsetUnit.Utf16, TextUnits.Detect([(Text, 9, 11, "成都")]));
        Assert.Equal(OffsetUnit.CodePoint, TextUnits.Detect([(Text, 6, 8, "成都")]));
        Assert.Equal(OffsetUnit.Grapheme, TextUnits.Detect([(Text, 2, 4, "成都")]));
        Assert.Null(TextUnits.Detect([(Text, 0, 2, "成都")]));
        Assert.Null(TextUnits.Detect([(Text, 9, 11, "成都"), (Text, 6, 8, "成都")]));
    }

    [Fact]
    public void From_WordsThatTheOffsetsDoNotShow_IsRefused()
    {
        var wrong = new InterchangeText("甲乙丙丁", [new(0, "人", 2, 4, "甲乙")], []);
        Assert.Contains("do not show the words", Assert.Throws<PeftException>(() => AnnotationInterchange.From(wrong, OffsetUnit.Utf16)).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<(int, int, string)> Marks(AnnotatedText text) => text.Spans.Select(s => (s.Start, s.End, s.Type)).Order();

    private static IEnumerable<(int, int, int, int, string)> Triples(AnnotatedText text) =>
        text.Relations.Select(r => (text.Span(r.Head)!.Start, text.Span(r.Head)!.End, text.Span(r.Tail)!.Start, text.Span(r.Tail)!.End, r.Type)).Order();
}
