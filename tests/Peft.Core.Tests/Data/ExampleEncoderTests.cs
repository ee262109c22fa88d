using System.Text.Json.Nodes;
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
    public void Of_TemplateThatHidesTheAnswer_RefusesAndOffersPlain()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = WithTemplate(folder, "{{ messages[0].content | upper }}");

        Assert.Contains("plain", Assert.Throws<PeftException>(() => PromptTemplate.Of(tokenizer)).Message, StringComparison.Ordinal);
        Assert.Equal("<|bos|>a\nb\n", PromptTemplate.Of(tokenizer, "plain").Prompt("a", "b"));
    }

    [Fact]
    public void Of_AnyJinjaTemplate_IsRendered()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = WithTemplate(
            folder, "{% for m in messages %}{{ '[' + m.role + '] ' + m.content | trim + (eos_token if m.role == 'assistant' else '\\n') }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}");
        var template = PromptTemplate.Of(tokenizer);

        Assert.Equal("[user] a\nb\n[assistant] ", template.Prompt(" a", "b "));
        Assert.Equal("\n[assistant] ", template.Tail);
        Assert.Equal("x<|eos|>", template.Answer("x"));
    }

    [Fact]
    public void Of_BuiltInTemplate_IsChosenByName()
    {
        var template = PromptTemplate.Of(s_tokenizer, "chatml");

        Assert.Equal("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n", template.Prompt("a", ""));
        Assert.Equal("x<|im_end|>\n<|eos|>", template.Answer("x"));
        Assert.Contains("<|im_start|>", template.Mismatch(s_tokenizer), StringComparison.Ordinal);
        Assert.Null(PromptTemplate.Of(s_tokenizer).Mismatch(s_tokenizer));
    }

    /// <summary>The sample base's template, once read as the role tags it is and once rendered by the general way.</summary>
    [Theory]
    [InlineData("抽取", "刘德华")]
    [InlineData("  a \n", "")]
    [InlineData("{{ x }}", "<|user|>")]
    public void Of_SampleBase_RoleTagsEqualTheRenderedTemplate(string instruction, string input)
    {
        var tags = PromptTemplate.Of(s_tokenizer);
        var rendered = PromptTemplate.Rendered(s_tokenizer, Peft.Core.Chat.ChatTemplates.Of(s_tokenizer.Config)!, "chat", []);

        Assert.Equal(rendered.Prompt(instruction, input), tags.Prompt(instruction, input));
        Assert.Equal(rendered.Answer("x"), tags.Answer("x"));
        Assert.Equal(rendered.Tail, tags.Tail);
        Peft.Core.Data.Tasks.ChatMessage[] said = [new("user", instruction), new("assistant", "甲"), new("user", input), new("assistant", "乙")];
        Assert.Equal(rendered.Pieces(said), tags.Pieces(said));
        Assert.Equal(rendered.Prompt(said[..3]), tags.Prompt(said[..3]));
    }

    private static PretrainedTokenizer WithTemplate(TemporaryFolder folder, string template)
    {
        File.Copy(Path.Combine(SampleFiles.Base, "tokenizer.json"), folder.File("tokenizer.json"));
        var config = new JsonObject { ["bos_token"] = "<|bos|>", ["eos_token"] = "<|eos|>", ["chat_template"] = template };
        File.WriteAllText(folder.File("tokenizer_config.json"), config.ToJsonString());
        return PretrainedTokenizer.Load(folder.Path);
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
