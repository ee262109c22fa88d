using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Runtime;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using TorchSharp;

namespace Peft.Core.Tests.Models;

/// <summary>Loading bases, good and bad.</summary>
[Collection(TorchCollection.Name)]
public sealed class ModelLoadTests
{
    [Fact]
    public void Load_MissingTensors_NamesThem() => Fails(
        tensors => tensors.RemoveAll(t => t.Name.EndsWith("v_proj.weight", StringComparison.Ordinal)),
        "2 tensor(s)",
        "'model.layers.0.self_attn.v_proj.weight', 'model.layers.1.self_attn.v_proj.weight'");

    [Fact]
    public void Load_WrongShape_NamesTensorAndBothShapes() => Fails(
        tensors => tensors[tensors.FindIndex(t => t.Name == "model.norm.weight")] = new NamedParameter("model.norm.weight", torch.ones(31)),
        "'model.norm.weight'",
        "[31]",
        "[32]");

    [Fact]
    public void Load_IntegerWeights_AreRefused() => Fails(
        tensors => tensors[tensors.FindIndex(t => t.Name == "model.norm.weight")] = new NamedParameter("model.norm.weight", torch.ones(32).to(torch.ScalarType.Int32)),
        "'model.norm.weight'",
        "I32");

    [Theory]
    [InlineData("model_type", "\"mamba\"", "mamba", "llama")]
    [InlineData("model_type", "null", "model_type", "missing")]
    [InlineData("hidden_size", "\"wide\"", "hidden_size", "wide")]
    [InlineData("hidden_size", "0", "hidden_size", "positive")]
    [InlineData("num_key_value_heads", "3", "num_key_value_heads", "4")]
    [InlineData("hidden_act", "\"relu\"", "hidden_act", "relu")]
    [InlineData("rope_scaling", """{"rope_type":"spiral","factor":2}""", "rope_scaling", "spiral")]
    [InlineData("intermediate_size", "65", "[64, 32]", "[65, 32]")]
    public void Load_UnusableConfig_NamesTheField(string field, string value, string part, string other)
    {
        using var folder = TinyBase.Copy(TinyBase.Plain);
        var path = folder.File("config.json");
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json[field] = JsonNode.Parse(value);
        File.WriteAllText(path, json.ToJsonString());
        var message = Assert.Throws<PeftException>(() => CausalLanguageModel.Load(folder.Path)).Message;
        Assert.Contains(folder.Path, message, StringComparison.Ordinal);
        Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Contains(other, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoConfig_NamesTheFile()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("config.json", Assert.Throws<PeftException>(() => CausalLanguageModel.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoWeights_SaysWhatIsExpected()
    {
        using var folder = TinyBase.Copy(TinyBase.Plain);
        File.Delete(folder.File("model.safetensors"));
        Assert.Contains("model.safetensors", Assert.Throws<PeftException>(() => CausalLanguageModel.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_UnknownDtypeOrDevice_IsRefused()
    {
        Assert.Contains("int4", Assert.Throws<PeftException>(() => TinyBase.Load(TinyBase.Plain, "int4")).Message, StringComparison.Ordinal);
        Assert.Contains("abacus", Assert.Throws<PeftException>(() => TorchRuntime.ResolveDevice("abacus")).Message, StringComparison.Ordinal);
        if (!torch.cuda.is_available())
            Assert.Contains("cuda:0", Assert.Throws<PeftException>(() => TorchRuntime.ResolveDevice("cuda:0")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_Shards_EqualOneFile()
    {
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        using var folder = TinyBase.Copy(TinyBase.Plain);
        using (var file = SafetensorsFile.Open(folder.File("model.safetensors")))
        {
            var names = file.Names.ToList();
            var map = new JsonObject();
            foreach (var (half, shard) in new[] { (names[..7], "a.safetensors"), (names[7..], "b.safetensors") })
            {
                SafetensorsWriter.Write(folder.File(shard), half.Select(n => new NamedParameter(n, file.Tensor(n))));
                foreach (var name in half)
                    map[name] = shard;
            }

            File.WriteAllText(folder.File("model.safetensors.index.json"), new JsonObject { ["weight_map"] = map }.ToJsonString());
        }

        File.Delete(folder.File("model.safetensors"));
        using var whole = TinyBase.Load(TinyBase.Plain);
        using var sharded = CausalLanguageModel.Load(folder.Path);
        Assert.True(TensorOps.AllEqual(whole.Hidden(TinyBase.Ids()), sharded.Hidden(TinyBase.Ids())));
    }

    [Fact]
    public void Hidden_PaddingOnEitherSide_DoesNotChangeRealTokens()
    {
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        var text = TinyBase.Ids(1, 6);
        var alone = model.Hidden(text);
        var pads = torch.zeros([1, 3], torch.ScalarType.Int64);
        var ones = torch.ones([1, 6], torch.ScalarType.Int64);
        var left = model.Hidden(torch.cat([pads, text], 1), torch.cat([pads, ones], 1)).narrow(1, 3, 6);
        var right = model.Hidden(torch.cat([text, pads], 1), torch.cat([ones, pads], 1)).narrow(1, 0, 6);
        Assert.True(torch.allclose(alone, left, 1e-5, 1e-5));
        Assert.True(torch.allclose(alone, right, 1e-5, 1e-5));
    }

    [Fact]
    public void Parameters_RealSizes_EqualTheApprovedList()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), """
            {"model_type":"llama","hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,
             "vocab_size":128256,"max_position_embeddings":131072,"rms_norm_eps":1e-05,"rope_theta":500000.0,"tie_word_embeddings":false}
            """);
        var config = ModelConfig.Load(folder.Path);
        Assert.Equal(8_030_261_248, config.ParameterCount());
        var approved = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Models", "llama-3.1-8b.approved.txt"));
        Assert.Equal(approved, config.Parameters().Select(p => p.ToString()));
    }

    private static void Fails(Action<List<NamedParameter>> damage, params string[] parts)
    {
        using var scope = torch.NewDisposeScope();
        using var folder = TinyBase.Copy(TinyBase.Plain);
        List<NamedParameter> tensors;
        using (var file = SafetensorsFile.Open(folder.File("model.safetensors")))
            tensors = [.. file.ReadAll().Select(t => new NamedParameter(t.Key, t.Value.clone()))];
        damage(tensors);
        SafetensorsWriter.Write(folder.File("model.safetensors"), tensors);
        var message = Assert.Throws<PeftException>(() => CausalLanguageModel.Load(folder.Path)).Message;
        Assert.All(parts.Append(folder.Path), part => Assert.Contains(part, message, StringComparison.Ordinal));
    }
}
