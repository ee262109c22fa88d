using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Tests.Goldens;
using Peft.Core.Tests.Serialization;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Tokenization;

/// <summary>Tokenizers inside GGUF files give the ids of the tokenizer.json (or SentencePiece model) that they were made from.</summary>
[Trait("Category", "Goldens")]
public sealed class GgufTokenizerTests
{
    [SkippableTheory]
    [InlineData("gpt2", "gpt-2")]
    [InlineData("llama3", "llama-bpe")]
    [InlineData("qwen2", "qwen2")]
    [InlineData("o200k", "gpt-4o")]
    [InlineData("glm4", "glm4")]
    [InlineData("deepseek", "deepseek-v3")]
    public void ByteLevel_Converted_GivesTheRecordedIds(string name, string rule)
    {
        var golden = Recorded(name);
        var folder = golden.Folder;
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer.json")))!;
        var tokens = new SortedDictionary<int, (string Text, int Type)>();
        foreach (var (text, id) in json["model"]!["vocab"]!.AsObject())
            tokens[id!.GetValue<int>()] = (text, 1);
        foreach (var added in json["added_tokens"]!.AsArray())
            tokens[added!["id"]!.GetValue<int>()] = (added["content"]!.GetValue<string>(), added["special"]!.GetValue<bool>() ? 3 : 4);
        var gguf = new GgufBuilder()
            .Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.pre", rule)
            .Set("tokenizer.ggml.tokens", [.. tokens.Values.Select(token => token.Text)])
            .Set("tokenizer.ggml.token_type", [.. tokens.Values.Select(token => token.Type)])
            .Set("tokenizer.ggml.merges", [.. json["model"]!["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : m!.GetValue<string>())]);
        Check(golden, gguf);
    }

    [SkippableFact]
    public void SentencePiece_Converted_GivesTheIdsOfItsModel()
    {
        var golden = Recorded("llama2");
        var pieces = Pieces(File.ReadAllBytes(Path.Combine(golden.Folder, "tokenizer.model"))).ToList();
        var gguf = new GgufBuilder()
            .Set("tokenizer.ggml.model", "llama")
            .Set("tokenizer.ggml.tokens", [.. pieces.Select(piece => piece.Text)])
            .Set("tokenizer.ggml.scores", [.. pieces.Select(piece => piece.Score)])
            .Set("tokenizer.ggml.token_type", [.. pieces.Select(piece => piece.Type)])
            .Set("tokenizer.ggml.bos_token_id", 1)
            .Set("tokenizer.ggml.eos_token_id", 2)
            .Set("tokenizer.ggml.unknown_token_id", 0)
            .Set("tokenizer.ggml.add_bos_token", value: true)
            .Set("tokenizer.ggml.add_eos_token", value: false)
            .Set("tokenizer.chat_template", "{{ messages[0]['content'] }}");
        var tokenizer = Check(golden, gguf);
        Assert.Equal(("<s>", "</s>", 2), (tokenizer.BosToken, tokenizer.EosToken, tokenizer.EosId));
        Assert.Equal("{{ messages[0]['content'] }}", tokenizer.Config["chat_template"]!.GetValue<string>());
        Assert.Equal(1, tokenizer.Encode("a", addSpecialTokens: true)[0]);
    }

    [Fact]
    public void Load_UnknownRule_IsRefusedByName()
    {
        var gguf = new GgufBuilder().Set("tokenizer.ggml.model", "gpt2").Set("tokenizer.ggml.pre", "martian").Set("tokenizer.ggml.tokens", ["a"]);
        var message = Assert.Throws<PeftException>(() => Load(gguf)).Message;
        Assert.Contains("'martian'", message, StringComparison.Ordinal);
        Assert.Contains("qwen2", message, StringComparison.Ordinal);
        Assert.Contains("'t5'", Assert.Throws<PeftException>(() => Load(gguf.Set("tokenizer.ggml.model", "t5"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DamagedLists_NameTheKey()
    {
        var gguf = new GgufBuilder().Set("tokenizer.ggml.model", "llama").Set("tokenizer.ggml.tokens", ["<unk>", "a"]);
        Assert.Contains("'tokenizer.ggml.scores'", Assert.Throws<PeftException>(() => Load(gguf)).Message, StringComparison.Ordinal);
        Assert.Contains("'tokenizer.ggml.scores'", Assert.Throws<PeftException>(() => Load(gguf.Set("tokenizer.ggml.scores", [0f]))).Message, StringComparison.Ordinal);
        gguf.Set("tokenizer.ggml.scores", [0f, 1f]).Set("tokenizer.ggml.bos_token_id", 7);
        Assert.Contains("bos_token_id is 7", Assert.Throws<PeftException>(() => Load(gguf)).Message, StringComparison.Ordinal);
    }

    private static GoldenCase Recorded(string name)
    {
        var path = Path.Combine("tokenizers", name);
        Skip.IfNot(Directory.Exists(Path.Combine(GoldenCase.Root, path)), $"{name} is not recorded in this tree");
        return GoldenCase.Open(path);
    }

    private static PretrainedTokenizer Check(GoldenCase golden, GgufBuilder gguf)
    {
        var tokenizer = Load(gguf);
        var failures = new List<string>();
        foreach (var line in File.ReadLines(Path.Combine(golden.Folder, "cases.jsonl")))
        {
            var row = JsonNode.Parse(line)!;
            var text = row["text"]!.GetValue<string>();
            var expected = (row["ids_no_special"] ?? row["ids"]!).AsArray().Select(id => id!.GetValue<int>()).ToArray();
            var ids = tokenizer.Encode(text);
            if (!ids.SequenceEqual(expected))
                failures.Add($"'{text}': {string.Join(",", ids)} instead of {string.Join(",", expected)}");
            var decoded = row["decoded_skip"] ?? row["decoded_raw"] ?? row["decoded"]!;
            if (row["decoded_raw"] is null && tokenizer.Decode(row["ids"]!.AsArray().Select(id => id!.GetValue<int>())) != decoded.GetValue<string>())
                failures.Add($"'{text}': decodes to '{tokenizer.Decode(expected)}' instead of '{decoded}'");
        }

        Assert.True(failures.Count == 0, $"{failures.Count} rows differ:\n" + string.Join("\n", failures.Take(12)));
        return tokenizer;
    }

    private static PretrainedTokenizer Load(GgufBuilder gguf)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("vocabulary.gguf"), gguf.Build());
        return PretrainedTokenizer.Load(folder.File("vocabulary.gguf"));
    }

    /// <summary>The pieces of a SentencePiece model: field 1 of the message, each with text (1), score (2) and kind (3).</summary>
    private static IEnumerable<(string Text, float Score, int Type)> Pieces(byte[] model)
    {
        for (var at = 0; at < model.Length;)
        {
            var tag = Varint(model, ref at);
            var length = (int)Varint(model, ref at);
            if (tag != 10)
            {
                at += length;
                continue;
            }

            var (text, score, type, end) = ("", 0f, 1, at + length);
            while (at < end)
            {
                switch (Varint(model, ref at))
                {
                    case 10:
                        var bytes = (int)Varint(model, ref at);
                        text = Encoding.UTF8.GetString(model, at, bytes);
                        at += bytes;
                        break;
                    case 21:
                        score = BitConverter.ToSingle(model, at);
                        at += 4;
                        break;
                    default:
                        type = (int)Varint(model, ref at);
                        break;
                }
            }

            yield return (text, score, type);
        }
    }

    private static long Varint(byte[] bytes, ref int at)
    {
        long value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var b = bytes[at++];
            value |= (long)(b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }
    }
}
