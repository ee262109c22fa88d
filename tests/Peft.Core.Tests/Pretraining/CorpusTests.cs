using System.IO.Compression;
using System.Text;
using Peft.Core.Pretraining;

namespace Peft.Core.Tests.Pretraining;

public sealed class CorpusTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Read_JsonLines_HoldsOutTheLastDocuments()
    {
        var file = Write("c.jsonl", string.Concat(Enumerable.Range(0, 30).Select(i => $"{{\"text\": \"t{i}\", \"kind\": \"k\"}}\n")));

        var corpus = Corpus.Read(file, "text", 2);

        Assert.Equal(28, corpus.Documents.Count);
        Assert.Equal(["t28", "t29"], corpus.HeldOut);
    }

    [Fact]
    public void Read_Compressed_IsToldByItsContent()
    {
        var file = folder.File("corpus.bin");
        using (var zip = new GZipStream(File.Create(file), CompressionLevel.Fastest))
            zip.Write(Encoding.UTF8.GetBytes("{\"body\": \"一\"}\n{\"body\": \"二\"}\n"));

        Assert.Equal(["一", "二"], Corpus.Read(file, "body", 5).Documents);
    }

    [Fact]
    public void Read_PlainText_SeparatesDocumentsByBlankLines()
    {
        var file = Write("c.txt", "one\ntwo\n\n\nthree\n");

        Assert.Equal(["one\ntwo", "three"], Corpus.Read(file, "text", 0).Documents);
    }

    [Fact]
    public void Read_LineWithoutTheField_NamesFileAndLine()
    {
        var file = Write("c.jsonl", "{\"text\": \"a\"}\n\n{\"txt\": \"b\"}\n{\"text\": 3}\n{\"text\"\n");

        var error = Assert.Throws<PeftException>(() => Corpus.Read(file, "text", 0));

        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains("3", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, error.Message.Split('\n').Length);
        Assert.Contains("text", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \n")]
    [InlineData("{\"text\": \" \"}\n")]
    public void Read_NoDocument_SaysThatTheCorpusIsEmpty(string content)
    {
        var error = Assert.Throws<PeftException>(() => Corpus.Read(Write("c.jsonl", content), "text", 0));

        Assert.Contains("empty", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFile_SaysSo() =>
        Assert.Contains("cannot be read", Assert.Throws<PeftException>(() => Corpus.Read(folder.File("none.txt"), "text", 0)).Message, StringComparison.Ordinal);

    private string Write(string name, string content)
    {
        File.WriteAllText(folder.File(name), content);
        return folder.File(name);
    }
}
