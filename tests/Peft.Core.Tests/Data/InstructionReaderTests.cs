using Peft.Core.Data;

namespace Peft.Core.Tests.Data;

public sealed class InstructionReaderTests
{
    private const string Good = """{"instruction":"做","input":"甲","output":"乙"}""";

    [Fact]
    public void Parse_LinesWithProblems_KeepsTheRestAndNamesEach()
    {
        var read = InstructionReader.Parse(
            $"{Good}\nno json\n\n" + """{"instruction":"做","input":"甲"}""" + "\n" + """{"instruction":5,"output":"x"}""" + "\n[1]\n" + """{"instruction":"a","output":""}""", "f.jsonl");

        Assert.Equal("jsonl", read.Format);
        Assert.Equal([1], read.Lines);
        Assert.Equal([(2, null), (4, "output"), (5, "instruction"), (6, null), (7, "output")], read.Problems.Select(p => (p.Line, p.Field)));
        Assert.StartsWith("f.jsonl:2:", read.Problems[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_BrokenLine_NamesTheColumnInCharacters()
    {
        var read = InstructionReader.Parse("""{"instruction":"中文" oops}""", "f");

        Assert.Equal(21, read.Problems.Single().Column);
    }

    [Fact]
    public void Parse_Array_KnowsTheLineOfEveryElement()
    {
        var read = InstructionReader.Parse($"\uFEFF[\n{Good},\n\n{Good},\n{{\"input\":\"x\"}}]", "f.json");

        Assert.Equal("json", read.Format);
        Assert.Equal([2, 4], read.Lines);
        Assert.All(read.Problems, problem => Assert.Equal(5, problem.Line));
        Assert.Equal(2, read.Problems.Count);
    }

    [Fact]
    public void ReadFile_EmptyOrBad_RefusesByName()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("empty.jsonl"), "\n");
        File.WriteAllText(folder.File("bad.jsonl"), Good + "\n{");

        Assert.Contains("empty.jsonl: the dataset is empty", Assert.Throws<PeftException>(() => InstructionReader.ReadFile(folder.File("empty.jsonl"))).Message, StringComparison.Ordinal);
        Assert.Contains("bad.jsonl:2:", Assert.Throws<PeftException>(() => InstructionReader.ReadFile(folder.File("bad.jsonl"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Snapshot_WrittenAndRead_KeepsRecordsAndHash()
    {
        using var folder = new TemporaryFolder();
        var splits = new Dictionary<string, IReadOnlyList<InstructionRecord>>
        {
            ["train"] = [new("做\n", "甲\"", "乙😊") { Id = "1" }, new("b", "", "c")],
            ["test"] = [new("d", "e", "f")],
        };

        var manifest = DatasetSnapshot.Write(folder.File("s"), splits, "名", "id", DateTimeOffset.UnixEpoch);
        var snapshot = DatasetSnapshot.Open(folder.File("s"));

        Assert.Equal(splits["train"], snapshot.Read("train"));
        Assert.Empty(snapshot.Read("dev"));
        Assert.Equal(manifest.Hash, snapshot.Manifest!.Hash);
        Assert.Equal(manifest.Hash, DatasetSnapshot.Hash(splits));
        File.AppendAllText(Path.Combine(folder.File("s"), "train.jsonl"), """{"instruction":"x","output":"y"}""");
        Assert.Contains("manifest.json says 2", Assert.Throws<PeftException>(() => snapshot.Read("train")).Message, StringComparison.Ordinal);
    }
}
