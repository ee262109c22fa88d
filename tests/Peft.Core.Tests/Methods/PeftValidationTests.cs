using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Models.Decoders;

namespace Peft.Core.Tests.Methods;

/// <summary>Settings that cannot work or are doubtful, found from configs alone.</summary>
public sealed class PeftValidationTests
{
    private static readonly ModelConfig Plain = ModelConfig.Load(TinyBase.Folder(TinyBase.Plain));

    [Theory]
    [InlineData("""{"peft_type":"LORA","r":0}""", "r", "0")]
    [InlineData("""{"peft_type":"LORA","r":-3}""", "r", "-3")]
    [InlineData("""{"peft_type":"LORA","rank_pattern":{"q_proj":0}}""", "rank_pattern", "q_proj")]
    [InlineData("""{"peft_type":"LORA","lora_dropout":1.5}""", "lora_dropout", "1.5")]
    [InlineData("""{"peft_type":"LORA","bias":"some"}""", "bias", "some")]
    [InlineData("""{"peft_type":"LORA","target_modules":["q_porj"]}""", "target_modules", "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, embed_tokens, lm_head")]
    [InlineData("""{"peft_type":"LORA","target_modules":"*q_proj"}""", "target_modules", "regular expression")]
    [InlineData("""{"peft_type":"LORA","target_modules":"nothing.*"}""", "target_modules", "nothing")]
    [InlineData("""{"peft_type":"LORA","layers_to_transform":[7]}""", "layers_to_transform", "7")]
    [InlineData("""{"peft_type":"LORA","target_modules":".*q_proj","layers_to_transform":[0]}""", "layers_to_transform", "regular expression")]
    [InlineData("""{"peft_type":"LORA","modules_to_save":["classifier"]}""", "modules_to_save", "classifier")]
    [InlineData("""{"peft_type":"LORA","use_qalora":true}""", "use_qalora", "use_qalora")]
    [InlineData("""{"peft_type":"LORA","init_lora_weights":"corda"}""", "init_lora_weights=corda", "corda")]
    [InlineData("""{"peft_type":"LORA","use_dora":true,"lora_bias":true}""", "lora_bias", "use_dora")]
    [InlineData("""{"peft_type":"LORA","use_dora":true,"target_modules":["embed_tokens"]}""", "use_dora", "embed_tokens")]
    [InlineData("""{"peft_type":"LORA","trainable_token_indices":[500]}""", "trainable_token_indices", "500")]
    [InlineData("""{"peft_type":"LORA","init_lora_weights":"pissa","r":64}""", "r", "64")]
    [InlineData("""{"peft_type":"VERA","r":0}""", "r", "0")]
    [InlineData("""{"peft_type":"LOHA","rank_dropout":1}""", "rank_dropout", "1")]
    [InlineData("""{"peft_type":"LOKR","decompose_factor":0}""", "decompose_factor", "0")]
    [InlineData("""{"peft_type":"OFT","r":4,"oft_block_size":8}""", "oft_block_size", "8")]
    [InlineData("""{"peft_type":"OFT","coft":true}""", "coft", "coft")]
    [InlineData("""{"peft_type":"BOFT","boft_dropout":1}""", "boft_dropout", "1")]
    [InlineData("""{"peft_type":"BOFT","boft_n_butterfly_factor":0}""", "boft_n_butterfly_factor", "0")]
    [InlineData("""{"peft_type":"BOFT","boft_block_size":3,"target_modules":["model.layers.0.self_attn.q_proj"]}""", "boft_block_size", "3")]
    [InlineData("""{"peft_type":"PREFIX_TUNING","num_virtual_tokens":0}""", "num_virtual_tokens", "0")]
    [InlineData("""{"peft_type":"PREFIX_TUNING","num_virtual_tokens":64}""", "num_virtual_tokens", "64")]
    [InlineData("""{"peft_type":"PREFIX_TUNING","encoder_hidden_size":0}""", "encoder_hidden_size", "0")]
    [InlineData("""{"peft_type":"PREFIX_TUNING","token_dim":768}""", "token_dim", "768")]
    [InlineData("""{"peft_type":"BITFIT"}""", "peft_type", "bias")]
    public void Validate_ImpossibleSetting_NamesFieldAndValue(string json, string field, string part)
    {
        var problem = Assert.Single(Config(json).Validate(Plain).Problems);
        Assert.Equal(field, problem.Field);
        Assert.Contains(part, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_SeveralMistakes_ReportsAllOfThem()
    {
        var validation = Config("""{"peft_type":"LORA","r":0,"lora_dropout":2,"bias":"x"}""").Validate(Plain);
        Assert.Equal(["r", "lora_dropout", "bias"], validation.Problems.Select(p => p.Field));
        var error = Assert.Throws<PeftException>(validation.ThrowIfInvalid);
        Assert.Contains("lora_dropout", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_RankLargerThanTheLayer_OnlyWarns()
    {
        var validation = Config("""{"peft_type":"LORA","r":64}""").Validate(Plain);
        Assert.True(validation.IsValid);
        Assert.Contains("64", Assert.Single(validation.Warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromJson_UnknownMethod_NamesItAndTheKnownOnes()
    {
        var error = Assert.Throws<PeftException>(() => Config("""{"peft_type":"MAGIC"}"""));
        Assert.Contains("MAGIC", error.Message, StringComparison.Ordinal);
        Assert.Contains(PeftMethodRegistry.Names, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromJson_FieldOfTheWrongKind_NamesIt() =>
        Assert.Contains("'r'", Assert.Throws<PeftException>(() => Config("""{"peft_type":"LORA","r":"many"}""")).Message, StringComparison.Ordinal);

    [Fact]
    public void FromJson_NumbersMadeInMemory_AreAccepted()
    {
        var config = PeftConfig.FromJson(new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 16, ["lora_dropout"] = 0.1f });
        Assert.Equal(4, config.ToJson()["r"]!.GetValue<int>());
        Assert.Equal(16, config.ToJson()["lora_alpha"]!.GetValue<long>());
    }

    /// <summary>The counts that Hugging Face PEFT reported for a base of the sample's shape.</summary>
    [Theory]
    [InlineData("""{"peft_type":"LORA","target_modules":["q_proj","k_proj","v_proj","o_proj","gate_proj","up_proj","down_proj"]}""", 311_296, 8_200_448)]
    [InlineData("""{"peft_type":"LORA","target_modules":"all-linear"}""", 311_296, 8_200_448)]
    [InlineData("""{"peft_type":"BITFIT"}""", 20_480, 7_889_152)]
    [InlineData("""{"peft_type":"PREFIX_TUNING","num_virtual_tokens":20}""", 40_960, 7_930_112)]
    [InlineData("""{"peft_type":"PREFIX_TUNING","num_virtual_tokens":20,"prefix_projection":true,"encoder_hidden_size":256}""", 561_920, 8_451_072)]
    [InlineData("""{"peft_type":"FULL"}""", 7_889_152, 7_889_152)]
    public void Count_SampleBase_EqualsTheReference(string json, long trainable, long all)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), """
            {"model_type":"llama","hidden_size":256,"intermediate_size":768,"num_hidden_layers":8,"num_attention_heads":4,"num_key_value_heads":2,
             "head_dim":64,"vocab_size":6144,"attention_bias":true,"mlp_bias":true,"tie_word_embeddings":true,"max_position_embeddings":1024}
            """);
        var count = Config(json).Count(ModelConfig.Load(folder.Path));
        Assert.Equal((trainable, all), (count.Trainable, count.All));
    }

    [Fact]
    public void TargetModules_AllLinearOnManyLayers_AreSavedAsEndings()
    {
        var json = """{"peft_type":"LORA","target_modules":"all-linear"}""";
        var config = (Core.Methods.Lora.LoraConfig)Config(json);
        var model = (LlamaConfig)Plain with { NumHiddenLayers = 8 };
        var names = Core.Methods.Lora.LoraTargets.Resolve(config, model).Selector.Names!;
        Assert.Equal(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], names);
    }

    [Fact]
    public void Registry_Options_HaveHelpAndUniqueKeys()
    {
        var options = PeftMethodRegistry.All.SelectMany(m => m.Options).ToList();
        Assert.All(options, o => Assert.False(string.IsNullOrWhiteSpace(o.Help)));
        Assert.Equal(options.Count, options.Select(o => o.HelpKey).Distinct().Count());
        Assert.All(PeftMethodRegistry.All, m => Assert.Equal(m.Name, m.ReadConfig(new JsonObject()).PeftType));
    }

    private static PeftConfig Config(string json) => PeftConfig.FromJson(JsonNode.Parse(json)!.AsObject());
}
