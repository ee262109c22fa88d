using System.Text.Json.Nodes;
using Peft.Core.Tokenization;
using Peft.Core.Tokenization.Batches;

namespace Peft.Core.Tests.Goldens;

/// <summary>Tokenizers against recorded ids, offsets, decoded text, pairs, batches and word lists, row by row.</summary>
[Trait("Category", "Goldens")]
public sealed class TokenizerGoldens
{
    public static IEnumerable<object[]> Cases() => GoldenCase.Find("tokenizer");

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Tokenizer_RecordedRows_Agree(string path)
    {
        var golden = GoldenCase.Open(path);
        var tokenizer = PretrainedTokenizer.Load(Folder(golden));
        var report = new Rows();
        Assert.Equal(golden.Json["padding_side"]!.GetValue<string>() == "left", tokenizer.PadsLeft);
        Assert.Equal(golden.Json["truncation_side"]!.GetValue<string>() == "left", tokenizer.TruncatesLeft);
        Assert.Equal(golden.Flag("clean_up_tokenization_spaces"), tokenizer.CleansUp);
        Assert.Equal(golden.Json["model_input_names"]!.AsArray().Select(name => name!.GetValue<string>()), tokenizer.ModelInputNames);
        Assert.Equal(golden.Json["vocab_size"]!.GetValue<int>(), tokenizer.TokenCount);
        foreach (var row in TokenizerRows.Of(golden, "cases.jsonl"))
            TokenizerRows.CheckText(tokenizer, row, report);
        foreach (var row in TokenizerRows.Of(golden, "pairs.jsonl"))
            TokenizerRows.CheckPair(tokenizer, row, report);
        foreach (var row in TokenizerRows.Of(golden, "batches.jsonl"))
            TokenizerRows.CheckBatch(tokenizer, row, golden.Json["pad_token_set_for_batches"]?.GetValue<string>(), report);
        foreach (var row in TokenizerRows.Of(golden, "words.jsonl"))
            TokenizerRows.CheckWords(tokenizer, row, report);
        foreach (var row in TokenizerRows.Of(golden, "decode.jsonl"))
            TokenizerRows.CheckDecoding(tokenizer, row, report);
        TokenizerRows.CheckStreams(tokenizer, golden, report);
        report.Throw();
    }

    /// <summary>The folder of the tokenizer's files: beside the cases, or in a package that <c>test.sh</c> installs.</summary>
    private static string Folder(GoldenCase golden)
    {
        if (golden.Json["tokenizer"] is not null)
            return Path.Combine(GoldenCase.Root, golden.Text("tokenizer"));
        var npm = golden.Json["npm"]!;
        var folder = NpmPackages.Find(npm["package"]!.GetValue<string>());
        Skip.If(folder is null, $"the package {npm["package"]} is not installed: ./test.sh does that");
        folder = Path.Combine(folder!, npm["folder"]!.GetValue<string>());
        foreach (var (file, hash) in npm["sha256"]!.AsObject())
            Assert.Equal(hash!.GetValue<string>(), NpmPackages.Hash(Path.Combine(folder, file)));
        return folder;
    }

    /// <summary>What differs, so that one run shows it all.</summary>
    internal sealed class Rows
    {
        private readonly List<string> failures = [];

        public void Equal<T>(IEnumerable<T> expected, IEnumerable<T> actual, string what)
        {
            var (wanted, seen) = (expected.ToArray(), actual.ToArray());
            if (wanted.SequenceEqual(seen))
                return;
            var first = wanted.Zip(seen).TakeWhile(pair => EqualityComparer<T>.Default.Equals(pair.First, pair.Second)).Count();
            failures.Add($"{what}: from {first} on {string.Join(" ", seen.Skip(first).Take(30))} instead of {string.Join(" ", wanted.Skip(first).Take(30))}");
        }

        public void Equal(string expected, string actual, string what)
        {
            if (expected != actual)
                failures.Add($"{what}: '{actual}' instead of '{expected}'");
        }

        public void Fail(string what) => failures.Add(what);

        public void Throw() => Assert.True(failures.Count == 0, $"{failures.Count} comparisons differ:\n" + string.Join("\n", failures.Take(12).Select(line => line.Length > 1200 ? line[..1200] + "…" : line)));
    }
}
