using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Tokenization;

public sealed class PretrainedTokenizerTests
{
    private static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "Goldens", "data", "tokenizers", "gpt2");

    private readonly PretrainedTokenizer _tokenizer = PretrainedTokenizer.Load(s_folder);

    [Theory]
    [InlineData("刘德华与朱丽倩在美国拉斯维加斯注册结婚。")]
    [InlineData("emoji 😊 and 𠮷野家, two\n\nlines\t!")]
    [InlineData("")]
    public void Decode_EncodedText_ReturnsIt(string text) => Assert.Equal(text, _tokenizer.Decode(_tokenizer.Encode(text)));

    [Fact]
    public void EncodeWithOffsets_CharacterOfSeveralTokens_EveryTokenCoversTheWholeCharacter()
    {
        var tokens = _tokenizer.EncodeWithOffsets("a😊b");

        Assert.Equal((0, 1), (tokens[0].Start, tokens[0].End));
        Assert.All(tokens.Skip(1).SkipLast(1), token => Assert.Equal((1, 3), (token.Start, token.End)));
        Assert.Equal((3, 4), (tokens[^1].Start, tokens[^1].End));
    }

    [Fact]
    public void StreamingDecoder_PartsOfACharacter_AreHeldBackUntilItIsComplete()
    {
        var ids = _tokenizer.Encode("龘");
        Assert.True(ids.Length > 1);
        var decoder = new StreamingDecoder(_tokenizer);

        var pieces = ids.Select(decoder.Add).ToArray();

        Assert.All(pieces.SkipLast(1), Assert.Empty);
        Assert.Equal("龘", pieces[^1]);
        Assert.Empty(decoder.Finish());
    }

    [Fact]
    public void StreamingDecoder_TextEndsInsideACharacter_SaysSoWithAReplacement()
    {
        var decoder = new StreamingDecoder(_tokenizer);
        decoder.Add(_tokenizer.Encode("龘")[0]);

        Assert.Equal("\uFFFD", decoder.Finish());
    }

    [Fact]
    public void Load_MissingFile_NamesIt()
    {
        var error = Assert.Throws<PeftException>(() => PretrainedTokenizer.Load(Path.Combine(Path.GetTempPath(), "no-such-model")));

        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model":{"type":"Unigram"}}""", "model.vocab")]
    [InlineData("""{"model":{"type":"Syllables","vocab":{}}}""", "Syllables")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}""", "merge 1")]
    [InlineData("""{"model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":{"type":"Rot13"}}""", "normalizer")]
    [InlineData("""{"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"}}""", "pattern")]
    [InlineData("""{"model":{"type":"BPE"}}""", "vocab")]
    [InlineData("{", "line 1")]
    public void Load_WhatItCannotDo_IsRefusedByName(string json, string culprit)
    {
        var folder = Directory.CreateTempSubdirectory("tokenizer");
        File.WriteAllText(Path.Combine(folder.FullName, "tokenizer.json"), json);

        var error = Assert.Throws<PeftException>(() => PretrainedTokenizer.Load(folder.FullName));

        Assert.Contains(culprit, error.Message, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }
}
