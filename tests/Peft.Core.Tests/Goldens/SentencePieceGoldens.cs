using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Goldens;

/// <summary>What the sentencepiece library itself makes of .model files.</summary>
[Trait("Category", "Goldens")]
public sealed class SentencePieceGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("tokenizer").Where(found =>
        File.Exists(Path.Combine(GoldenCase.Root, (string)found[0], "sentencepiece.jsonl"))).DefaultIfEmpty(["none"]);

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Model_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        var report = new TokenizerGoldens.Rows();
        var model = SentencePieceModel.Load(Path.Combine(golden.Folder, golden.Text("sentencepiece")));
        foreach (var row in TokenizerRows.Of(golden, "sentencepiece.jsonl"))
        {
            var text = row["text"]!.GetValue<string>();
            var ids = row["ids"]!.AsArray().Select(id => id!.GetValue<int>()).ToArray();
            report.Equal(ids, model.Encode(text), $"'{text}' ids");
            report.Equal(row["decoded"]!.GetValue<string>(), model.Decode(ids), $"'{text}' decoded");
            if (row["normalized"] is { } normalized)
                report.Equal(normalized.GetValue<string>(), model.Normalize(text), $"'{text}' normalized");
        }

        report.Throw();
    }
}
