using System.Text.Json.Nodes;
using Peft.Core.Pretraining;
using Peft.Core.Runs;
using Peft.Core.Tokenization;

namespace Peft.Core.Tests.Pretraining;

public sealed class TokenizerExtensionTests : IDisposable
{
    private const string Text = "刘德华与朱丽倩在2008年结婚。Orion Energy won a contract.";
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Write_MaskedLm_AddsTheMaskAndStandsTextBetweenStartAndEnd()
    {
        var source = PretrainedTokenizer.Load(SampleFiles.Base);

        var extended = TokenizerExtension.Write(SampleFiles.Base, folder.Path, PretrainingObjective.MaskedLm, 512);

        Assert.Equal(source.VocabularySize + 1, extended.VocabularySize);
        Assert.Equal(source.VocabularySize, extended.Id("<mask>"));
        Assert.True(extended.IsSpecial(extended.Id("<mask>")!.Value));
        Assert.Equal(source.Encode(Text), extended.Encode(Text));
        Assert.Equal([1, .. source.Encode(Text), 2], extended.Encode(Text, addSpecialTokens: true));
        Assert.Equal([.. source.Encode("甲"), 6144, .. source.Encode("乙")], extended.Encode("甲<mask>乙"));
        Assert.Equal(Text, extended.Decode(extended.Encode(Text, addSpecialTokens: true)));
        var config = Json("tokenizer_config.json");
        Assert.Equal("<|bos|>", config["cls_token"]!.GetValue<string>());
        Assert.Equal("<|eos|>", config["sep_token"]!.GetValue<string>());
        Assert.Equal("<mask>", config["mask_token"]!.GetValue<string>());
        Assert.Equal("<mask>", config["added_tokens_decoder"]!["6144"]!["content"]!.GetValue<string>());
        Assert.False(config.ContainsKey("chat_template"));
        Assert.Equal("<mask>", Json("special_tokens_map.json")["mask_token"]!.GetValue<string>());
        Assert.Equal("TemplateProcessing", Json("tokenizer.json")["post_processor"]!["type"]!.GetValue<string>());
    }

    [Fact]
    public void Write_SpanCorruption_AddsSentinelsTheFirstHavingTheLastId()
    {
        var source = PretrainedTokenizer.Load(SampleFiles.Base);

        var extended = TokenizerExtension.Write(SampleFiles.Base, folder.Path, PretrainingObjective.SpanCorruption, 512);

        Assert.Equal(source.VocabularySize + 100, extended.VocabularySize);
        Assert.Equal(extended.VocabularySize - 1, extended.Id("<extra_id_0>"));
        Assert.Equal(source.VocabularySize, extended.Id("<extra_id_99>"));
        Assert.Equal([.. source.Encode(Text), 2], extended.Encode(Text, addSpecialTokens: true));
        Assert.Equal([extended.Id("<extra_id_10>")!.Value], extended.Encode("<extra_id_10>"));
    }

    [Fact]
    public void Write_Twice_AddsNothingMore()
    {
        TokenizerExtension.Write(SampleFiles.Base, folder.Path, PretrainingObjective.SpanCorruption, 512);
        var once = File.ReadAllText(folder.File("tokenizer.json"));

        TokenizerExtension.Write(folder.Path, folder.File("again"), PretrainingObjective.SpanCorruption, 512);

        Assert.Equal(once, File.ReadAllText(Path.Combine(folder.File("again"), "tokenizer.json")));
        Assert.Equal(File.ReadAllText(folder.File("tokenizer_config.json")), File.ReadAllText(Path.Combine(folder.File("again"), "tokenizer_config.json")));
    }

    [Fact]
    public void Write_CausalLm_KeepsTheVocabulary()
    {
        var extended = TokenizerExtension.Write(SampleFiles.Base, folder.Path, PretrainingObjective.CausalLm, 512);

        Assert.Equal(6144, extended.VocabularySize);
        Assert.Equal(extended.Encode(Text), extended.Encode(Text, addSpecialTokens: true));
        Assert.True(Json("tokenizer_config.json").ContainsKey("chat_template"));
    }

    private JsonObject Json(string file) => JsonNode.Parse(File.ReadAllText(folder.File(file)))!.AsObject();
}
