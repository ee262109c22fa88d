using Peft.Core.Data;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Data;

public sealed class ExampleEncoderTests
{
    private static readonly PretrainedTokenizer s_tokenizer = PretrainedTokenizer.Load(SampleFiles.Base);
    private static readonly InstructionRecord s_record = new("抽取", "刘德华与朱丽倩结婚。", "(刘德华,配偶,朱丽倩)") { Id = "r-7" };

    [Fact]
    public void Prompt_SampleBase_IsItsChatTemplate()
    {
        var template = PromptTemplate.Of(s_tokenizer);

        Assert.Equal("chat", template.Name);
        Assert.Equal("<|bos|><|user|>抽取\n刘德华<|assistant|>", template.Prompt("抽取", "刘德华"));
        Assert.Equal("<|bos|><|user|>抽取<|assistant|>", template.Prompt("抽取", ""));
        Assert.Equal("乙<|eos|>", template.Answer("乙"));
    }

    [Fact]
    public void Of_UnknownTemplate_RefusesAndOffersPlain()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(SampleFiles.Base, "tokenizer.json"), folder.File("tokenizer.json"));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"bos_token":"<|bos|>","eos_token":"<|eos|>","chat_template":"{{ messages[0].content | upper }}"}""");
        var tokenizer = PretrainedTokenizer.Load(folder.Path);

        Assert.Contains("plain", Assert.Throws<PeftException>(() => PromptTemplate.Of(tokenizer)).Message, StringComparison.Ordinal);
        Assert.Equal("<|bos|>a\nb\n", PromptTemplate.Of(tokenizer, "plain").Prompt("a", "b"));
    }

    [Fact]
    public void Encode_Record_LearnsTheAnswerAndItsEndOnly()
    {
        var example = Encoder(512, CutPolicy.Error).Encode(s_record, "r")!;

        Assert.Equal("(刘德华,配偶,朱丽倩)<|eos|>", s_tokenizer.Decode(example.Ids.Skip(example.PromptLength), skipSpecialTokens: false));
        Assert.EndsWith("结婚。<|assistant|>", s_tokenizer.Decode(example.Ids.Take(example.PromptLength), skipSpecialTokens: false), StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_OutputLongerThanTheLimit_NamesTheRecord()
    {
        var message = Assert.Throws<PeftException>(() => Encoder(8, CutPolicy.Error).EncodeAll([s_record], "train")).Message;

        Assert.Contains("train record 1 (r-7)", message, StringComparison.Ordinal);
        Assert.Contains("max_length is 8", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_LongPrompt_KeepsTheTagInFrontOfTheAnswer()
    {
        var split = Encoder(24, CutPolicy.Error).EncodeAll([s_record], "train");

        var example = Assert.Single(split.Examples);
        Assert.Equal((24, 1), (example.Length, split.CutRecords));
        Assert.Equal(s_tokenizer.Id("<|assistant|>"), example.Ids[example.PromptLength - 1]);
        Assert.Equal(s_tokenizer.Id("<|bos|>"), example.Ids[0]);
    }

    private static ExampleEncoder Encoder(int limit, CutPolicy policy) => new(s_tokenizer, PromptTemplate.Of(s_tokenizer), limit, policy);
}
