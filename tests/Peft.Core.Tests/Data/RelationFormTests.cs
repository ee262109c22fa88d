using Peft.Core.Data;

namespace Peft.Core.Tests.Data;

public sealed class RelationFormTests
{
    [Theory]
    [InlineData("(刘德华,配偶,朱丽倩),(刘向蕙,父母,刘德华)", true, 2)]
    [InlineData("（刘德华，配偶，朱丽倩）、( a , b , c )。", true, 2)]
    [InlineData("无", true, 0)]
    [InlineData(" 无。", true, 0)]
    [InlineData("", false, 0)]
    [InlineData("刘德华和朱丽倩", false, 0)]
    [InlineData("答：(a,b,c)", false, 1)]
    [InlineData("(a,b,c),(d,e", false, 1)]
    [InlineData("(a,b)", false, 0)]
    [InlineData("(a,,c)", false, 0)]
    [InlineData("(歌,歌手,乐队(台湾),二队)", true, 1)]
    public void Read_Answer_FindsTriples(string answer, bool parsed, int count)
    {
        var reading = TripleText.Read(answer);

        Assert.Equal(parsed, reading.Parsed);
        Assert.Equal(count, reading.Triples.Count);
    }

    [Fact]
    public void Read_TailWithCommaAndParentheses_KeepsThem() =>
        Assert.Equal([new Triple("歌", "歌手", "乐队(台湾),二队")], TripleText.Read("(歌,歌手,乐队(台湾),二队)").Triples);

    [Fact]
    public void Render_LectureExample_IsTheLecturesText()
    {
        var lecture = InstructionReader.ReadFile(Path.Combine(SampleFiles.Dataset, "lecture-example.instruct.jsonl")).Single();
        var form = new RelationForm(
            ["父母", "配偶"],
            lecture.Input,
            [new("刘向蕙", "父母", "朱丽倩"), new("刘向蕙", "父母", "刘德华"), new("刘德华", "配偶", "朱丽倩")]);

        Assert.Equal(lecture, form.Render());
        Assert.Empty(form.Check());
    }

    [Theory]
    [InlineData("train")]
    [InlineData("dev")]
    [InlineData("test")]
    public void Render_EverySampleRecord_ComesBackUnchanged(string split)
    {
        var records = DatasetSnapshot.Open(SampleFiles.Dataset).Read(split);

        Assert.All(records, record => Assert.Equal(record with { Split = null }, RelationForm.TryRead(record)!.Render()));
    }

    [Fact]
    public void Check_Mistakes_AreAllNamed()
    {
        var form = new RelationForm(["配偶"], "刘德华", [new("刘德华", "父母", "张三"), new("", "配偶", "刘德华"), new("刘德华", "父母", "张三")]);

        var problems = form.Check();

        Assert.Contains(problems, p => p.Message.Contains("'父母' is not among", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Message.Contains("'张三' does not occur", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Field == "triples[2]" && p.Message.Contains("head is empty", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Message.Contains("given twice", StringComparison.Ordinal));
    }
}
