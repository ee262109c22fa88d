using System.Text.Json.Nodes;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Goldens;

/// <summary>Tokenizers against recorded ids, offsets and decoded text, row by row. What a tokenizer.json asks for and we cannot do is skipped by name.</summary>
[Trait("Category", "Goldens")]
public sealed class TokenizerGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("tokenizer");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Tokenizer_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        Skip.If(golden.Json["tokenizer"] is null, "the tokenizer lies in a package that is not installed");
        var folder = Path.Combine(GoldenCase.Root, golden.Text("tokenizer"));
        PretrainedTokenizer? tokenizer = null;
        try
        {
            tokenizer = PretrainedTokenizer.Load(folder);
        }
        catch (PeftException refused)
        {
            Skip.If(true, refused.Message);
        }

        var failures = new List<string>();
        foreach (var line in File.ReadLines(Path.Combine(golden.Folder, "cases.jsonl")))
            CheckRow(tokenizer!, JsonNode.Parse(line)!, failures);
        foreach (var line in File.ReadLines(Path.Combine(golden.Folder, "decode.jsonl")))
            CheckDecoding(tokenizer!, JsonNode.Parse(line)!, failures);
        Assert.True(failures.Count == 0, $"{failures.Count} rows differ:\n" + string.Join("\n", failures.Take(12)));
    }

    private static void CheckRow(PretrainedTokenizer tokenizer, JsonNode row, List<string> failures)
    {
        var text = row["text"]!.GetValue<string>();
        var expected = Ids(row["ids_no_special"] ?? row["ids"]!);
        var tokens = tokenizer.EncodeWithOffsets(text);
        var ids = tokens.Select(token => token.Id).ToArray();
        if (!ids.SequenceEqual(expected))
        {
            failures.Add($"{Show(text)}: ids {string.Join(",", ids)} instead of {string.Join(",", expected)}");
            return;
        }

        var offsets = (row["offsets_utf16"] ?? row["offsets"]!).AsArray().Select(pair => (pair![0]!.GetValue<int>(), pair[1]!.GetValue<int>()));
        if (row["ids_no_special"] is null && !tokens.Select(token => (token.Start, token.End)).SequenceEqual(offsets))
            failures.Add($"{Show(text)}: offsets {string.Join(" ", tokens.Select(token => $"{token.Start}-{token.End}"))} instead of {string.Join(" ", offsets)}");
        var around = tokenizer.Encode(text, addSpecialTokens: true);
        if (!around.SequenceEqual(Ids(row["raw_ids"] ?? row["ids"]!)))
            failures.Add($"{Show(text)}: with special tokens {string.Join(",", around)} instead of {row["ids"]!.ToJsonString()}");
        var decoded = (row["decoded_raw"] ?? row["decoded"]!).GetValue<string>();
        if (tokenizer.Decode(Ids(row["ids"]!), skipSpecialTokens: false) != decoded)
            failures.Add($"{Show(text)}: decodes to {Show(tokenizer.Decode(Ids(row["ids"]!), skipSpecialTokens: false))} instead of {Show(decoded)}");
    }

    private static void CheckDecoding(PretrainedTokenizer tokenizer, JsonNode row, List<string> failures)
    {
        var expected = (row["decoded_raw"] ?? row["decoded"]!).GetValue<string>();
        var decoded = tokenizer.Decode(Ids(row["ids"]!), skipSpecialTokens: false);
        if (decoded != expected)
            failures.Add($"{row["ids"]!.ToJsonString()}: decodes to {Show(decoded)} instead of {Show(expected)}");
    }

    private static int[] Ids(JsonNode ids) => [.. ids.AsArray().Select(id => id!.GetValue<int>())];

    private static string Show(string text) => "'" + (text.Length > 60 ? text[..60] + "…" : text).Replace("\n", "\\n", StringComparison.Ordinal) + "'";
}
