using Peft.Core.Data;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Tests.Data;

public sealed class TaskRecordsTests
{
    private static byte[] Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    [Theory]
    [InlineData("""{"text":"a","label":"x"}""", "single_label_classification", "x")]
    [InlineData("""{"text":"a","label":["x","y"]}""", "multi_label_classification", "x, y")]
    [InlineData("""{"text":"a","label":2.5}""", "regression", "2.5")]
    public void Classification_EveryKindOfLabel_IsReadAndWrittenAlike(string line, string kind, string shown)
    {
        var record = Assert.Single(TaskRecords.ParseClassification(Utf8(line), "f").Records);
        Assert.Equal((kind, shown), (record.Label.ProblemType, record.Label.ToString()));
        var written = System.Text.Json.JsonSerializer.Serialize(record, Peft.Core.Runs.RunRequest.Json);
        Assert.Equal(line, written);
    }

    [Theory]
    [InlineData("""{"text":"a"}""", "label")]
    [InlineData("""{"text":" ","label":"x"}""", "text")]
    [InlineData("""{"text":"a","label":[""]}""", "label")]
    public void Classification_UnusableRow_NamesLineAndField(string line, string field)
    {
        var read = TaskRecords.ParseClassification(Utf8("\n" + line), "f");
        var problem = Assert.Single(read.Problems);
        Assert.Equal((2, field), (problem.Line, problem.Field));
        Assert.Empty(read.Records);
    }

    [Theory]
    [InlineData(0, 4, "B")]
    [InlineData(1, 1, "B")]
    public void Tagging_SpanOutsideOfTheText_IsAProblem(int start, int end, string type) =>
        Assert.Single(TaskRecords.ParseTagging(Utf8($$"""{"text":"abc","entities":[{"start":{{start}},"end":{{end}},"type":"{{type}}"}]}"""), "f").Problems);

    [Fact]
    public void Tagging_OverlappingEntities_AreAProblem() =>
        Assert.Contains("overlap", Assert.Single(TaskRecords.ParseTagging(Utf8("""{"text":"abc","entities":[{"start":0,"end":2,"type":"A"},{"start":1,"end":3,"type":"B"}]}"""), "f").Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void Questions_Squad_CountsUtf16UnitsOrCodePoints()
    {
        const string Squad = """{"data":[{"paragraphs":[{"context":"😀 in Rome","qas":[{"id":"a","question":"where","answers":[{"text":"Rome","answer_start":6}]},{"id":"b","question":"where","answers":[{"text":"Rome","answer_start":5}]}]}]}]}""";
        var read = TaskRecords.ParseQuestions(Utf8(Squad), "f");
        Assert.Empty(read.Problems);
        Assert.All(read.Records, record => Assert.Equal(6, record.Answers[0].AnswerStart));
        Assert.Equal(DatasetKind.QuestionAnswering, TaskRecords.Recognise(Utf8(Squad)));
    }

    [Fact]
    public void Questions_AnswerThatStandsElsewhere_IsAProblem() =>
        Assert.Single(TaskRecords.ParseQuestions(Utf8("""{"question":"q","context":"abc","answers":[{"text":"c","answer_start":0}]}"""), "f").Problems);

    [Theory]
    [InlineData("""{"instruction":"a","input":"b","output":"c"}""", DatasetKind.Instruction)]
    [InlineData("""{"text":"a","label":"x"}""", DatasetKind.Classification)]
    [InlineData("""{"text":"a","entities":[]}""", DatasetKind.Tagging)]
    [InlineData("""{"text":"a"}""", DatasetKind.Text)]
    public void Recognise_FirstRow_TellsTheKind(string line, DatasetKind kind) => Assert.Equal(kind, TaskRecords.Recognise(Utf8(line)));

    [Fact]
    public void Snapshot_OfLabels_IsReadBackWithKindAndHash()
    {
        using var folder = new TemporaryFolder();
        var splits = new Dictionary<string, IReadOnlyList<ClassificationRecord>> { ["train"] = [new("a", ClassLabel.Of("x")), new("b", ClassLabel.Of("y"))] };
        var manifest = DatasetSnapshot.Write(folder.File("s"), splits, "n", "d", DateTimeOffset.UnixEpoch, DatasetKind.Classification, ["x", "y"], "single_label_classification");
        var snapshot = DatasetSnapshot.Open(folder.File("s"));
        Assert.Equal(DatasetKind.Classification, snapshot.Kind);
        Assert.Equal(["x", "y"], snapshot.Manifest!.Labels!);
        Assert.Equal(splits["train"], snapshot.Read<ClassificationRecord>("train"));
        Assert.Equal(manifest.Hash, DatasetSnapshot.Hash(splits));
        Assert.Contains("classification", Assert.Throws<PeftException>(() => snapshot.Read("train")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tags_OfTokens_AreReadBackAsTheEntities()
    {
        (int, int)[] tokens = [(0, 1), (1, 3), (3, 4), (4, 4), (4, 5)];
        var tags = EntityTags.Of(tokens, [new(0, 3, "A"), new(3, 4, "A"), new(4, 5, "B")]);
        Assert.Equal(["B-A", "I-A", "B-A", "O", "B-B"], tags);
        Assert.Equal([("A", 0, 1), ("A", 2, 2), ("B", 4, 4)], EntityTags.Read(tags));
        Assert.Equal([("A", 0, 1)], EntityTags.Read(["I-A", "I-A"]));
    }
}
