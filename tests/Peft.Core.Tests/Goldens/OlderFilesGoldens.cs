using System.Text.Json.Nodes;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Goldens;

/// <summary>The same tokenizers from their older files, without tokenizer.json: the recorded rows must come out all the same.</summary>
[Trait("Category", "Goldens")]
public sealed class OlderFilesGoldens
{
    private static readonly string[] s_vocabularies = ["tokenizer.model", "spiece.model", "vocab.txt", "merges.txt"];

    public static IEnumerable<object[]> Cases() => GoldenCase.Find("tokenizer").Where(found =>
        s_vocabularies.Any(name => File.Exists(Path.Combine(GoldenCase.Root, (string)found[0], name)))).DefaultIfEmpty(["none"]);

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void OlderFiles_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(golden.Folder).Where(file => Path.GetFileName(file) is not "tokenizer.json"))
            File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        var tokenizer = PretrainedTokenizer.Load(folder.Path);
        Check(golden, tokenizer);
    }

    /// <summary>A byte-level vocabulary whose ids are the order of its merges, written as tiktoken writes it.</summary>
    [SkippableFact]
    public void TiktokenFile_RecordedRows_Agree()
    {
        var source = Path.Combine(GoldenCase.Root, "tokenizers", "llama3");
        Skip.IfNot(Directory.Exists(source), "the tree has no tokenizers/llama3");
        var golden = GoldenCase.Open("tokenizers/llama3");
        using var folder = new TemporaryFolder();
        var vocabulary = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "tokenizer.json")))!["model"]!["vocab"]!.AsObject();
        File.WriteAllLines(
            Path.Combine(folder.Path, "tokenizer.model"),
            vocabulary.Select(entry => $"{Convert.ToBase64String(ByteLevelAlphabet.Bytes(entry.Key)!)} {entry.Value}"));
        File.Copy(Path.Combine(source, "tokenizer_config.json"), Path.Combine(folder.Path, "tokenizer_config.json"));
        var tokenizer = PretrainedTokenizer.Load(folder.Path);
        var report = new TokenizerGoldens.Rows();
        foreach (var row in TokenizerRows.Of(golden, "cases.jsonl"))
            report.Equal((row["ids_no_special"] ?? row["ids"]!).AsArray().Select(id => id!.GetValue<int>()), tokenizer.Encode(row["text"]!.GetValue<string>()), row["text"]!.GetValue<string>());
        report.Throw();
    }

    private static void Check(GoldenCase golden, PretrainedTokenizer tokenizer)
    {
        var report = new TokenizerGoldens.Rows();
        foreach (var row in TokenizerRows.Of(golden, "cases.jsonl"))
            TokenizerRows.CheckText(tokenizer, row, report);
        foreach (var row in TokenizerRows.Of(golden, "pairs.jsonl"))
            TokenizerRows.CheckPair(tokenizer, row, report);
        foreach (var row in TokenizerRows.Of(golden, "decode.jsonl"))
            TokenizerRows.CheckDecoding(tokenizer, row, report);
        report.Throw();
    }
}
