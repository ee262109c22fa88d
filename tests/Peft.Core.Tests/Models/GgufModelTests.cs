using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Tensors;
using Peft.Core.Tests.Serialization;
using TorchSharp;

namespace Peft.Core.Tests.Models;

/// <summary>Bases in one GGUF file: the same numbers as from the folder they were converted from, and what cannot be read by name.</summary>
[Collection(TorchCollection.Name)]
public sealed class GgufModelTests
{
    private static readonly string s_models = Path.Combine(AppContext.BaseDirectory, "Goldens", "data", "models");

    [Theory]
    [InlineData("llama", "llama")]
    [InlineData("llama_gqa_tied_bias", "llama")]
    [InlineData("llama_rope3", "llama")]
    [InlineData("qwen2", "qwen2")]
    [InlineData("qwen3", "qwen3")]
    [InlineData("phi3", "phi3")]
    [InlineData("phi3_longrope", "phi3")]
    [InlineData("gemma3_text", "gemma3")]
    public void Load_ConvertedFolder_ComputesTheSame(string name, string architecture)
    {
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        using var folder = Prepared(name);
        var gguf = GgufBuilder.Convert(folder.Path, architecture);
        AddFactors(gguf, name, folder.Path);
        var path = folder.File("model.gguf");
        File.WriteAllBytes(path, gguf.Build());
        using var whole = CausalLanguageModel.Load(folder.Path, new ModelLoadOptions { Dtype = "float32" });
        using var single = CausalLanguageModel.Load(path, new ModelLoadOptions { Dtype = "float32" });
        Assert.Equal(whole.Config.Parameters().Select(p => p.ToString()), single.Config.Parameters().Select(p => p.ToString()));
        var ids = TinyBase.Ids(2, 24, seed: 3).remainder(90);
        var (expected, logits) = (whole.Logits(whole.Hidden(ids)), single.Logits(single.Hidden(ids)));
        Assert.True(torch.allclose(expected, logits, 1e-5, 1e-5), $"off by {(expected - logits).abs().max().item<float>()}");
        foreach (var (a, b) in whole.Parameters.Zip(single.Parameters))
            Assert.True(architecture == "gemma3" ? torch.allclose(a.Value, b.Value, 0, 1e-6) : TensorOps.AllEqual(a.Value, b.Value), a.Name);
    }

    [Fact]
    public void Load_FolderWithOnlyAGgufFile_OpensIt()
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("q.gguf"), GgufBuilder.Convert(Path.Combine(s_models, "llama"), "llama").Build());
        using var model = CausalLanguageModel.Load(folder.Path);
        Assert.Equal("llama", model.Config.ModelType);
        ModelConfig.Load(folder.Path).CheckWeights(folder.Path);
        File.Copy(folder.File("q.gguf"), folder.File("r.gguf"));
        Assert.Contains("2 GGUF files", Assert.Throws<PeftException>(() => ModelConfig.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PlainNumbers_StayMapped()
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("q.gguf"), GgufBuilder.Convert(Path.Combine(s_models, "qwen2"), "qwen2").Build());
        using var checkpoint = Peft.Core.Serialization.Checkpoint.Open(folder.Path);
        Assert.True(Addresses.Same(checkpoint.Tensor("model.embed_tokens.weight"), checkpoint.Tensor("model.embed_tokens.weight")));
    }

    [Theory]
    [InlineData("general.architecture", "mamba", "'mamba'", "llama, qwen2")]
    [InlineData("llama.rope.scaling.type", "spiral", "llama.rope.scaling.type", "'spiral'")]
    [InlineData("llama.block_count", "two", "llama.block_count", "whole number")]
    public void Load_UnusableEntry_NamesFileAndKey(string key, string value, string part, string other) =>
        Fails(gguf => gguf.Set(key, value), part, other);

    [Fact]
    public void Load_UnusableNumbers_NameFileAndKey()
    {
        Fails(gguf => gguf.Set("llama.expert_count", 8), "llama.expert_count is 8");
        Fails(gguf => gguf.Set("split.count", 3), "one of 3 parts");
        Fails(gguf => gguf.Set("llama.attention.head_count_kv", [2, 4]), "llama.attention.head_count_kv", "layer to layer");
        Fails(gguf => gguf.Set("llama.attention.head_count_kv", 3), "num_key_value_heads");
        Fails(gguf => gguf.Set("llama.rope.dimension_count", 4), "llama.rope.dimension_count");
        Fails(gguf => gguf.Set("llama.block_count", 3), "tensor(s)", "'model.layers.2");
        Fails(gguf => gguf.Version = 1, "version 1");
    }

    [Fact]
    public void Load_UnreadableBlocks_NameTensorAndType()
    {
        Fails(gguf => gguf.Add("blk.9.attn_q.weight", 18, [1, 256], new byte[98]), "'blk.9.attn_q.weight'", "IQ3_XXS");
        Fails(gguf => gguf.Add("blk.9.attn_q.weight", 2, [1, 48], new byte[27]), "'blk.9.attn_q.weight'", "whole blocks of 32");
        Fails(gguf => gguf.Add("blk.9.attn_q.weight", 0, [1 << 20, 1 << 20], new byte[8]), "'blk.9.attn_q.weight'", "truncated");
    }

    private static void Fails(Action<GgufBuilder> damage, params string[] parts)
    {
        using var folder = new TemporaryFolder();
        var gguf = GgufBuilder.Convert(Path.Combine(s_models, "llama"), "llama");
        damage(gguf);
        var path = folder.File("model.gguf");
        File.WriteAllBytes(path, gguf.Build());
        var message = Assert.Throws<PeftException>(() => CausalLanguageModel.Load(path)).Message;
        Assert.All(parts.Append(path), part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    /// <summary>A copy of a recorded base with what a GGUF file cannot say set to what it means then.</summary>
    private static TemporaryFolder Prepared(string name)
    {
        var folder = new TemporaryFolder();
        File.Copy(Path.Combine(s_models, name, "model.safetensors"), folder.File("model.safetensors"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(s_models, name, "config.json")))!.AsObject();
        if (name == "gemma3_text")
        {
            (config["query_pre_attn_scalar"], config["rope_local_base_freq"]) = (8, 10000.0);
            config.Remove("layer_types");
        }

        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
        return folder;
    }

    private static void AddFactors(GgufBuilder gguf, string name, string folder)
    {
        var scaling = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!["rope_scaling"];
        if (name == "phi3_longrope")
        {
            foreach (var kind in new[] { "short", "long" })
                gguf.Add($"rope_factors_{kind}.weight", torch.tensor(scaling![kind + "_factor"]!.AsArray().Select(n => n!.GetValue<float>()).ToArray()));
            gguf.Set("phi3.rope.scaling.original_context_length", 10);
        }

        if (name == "llama_rope3")
        {
            // As the converter writes them: factor 8, bands between 1 and 4, 16 original positions, heads of width 8.
            var factors = Enumerable.Range(0, 4).Select(i =>
            {
                var wavelength = 2 * Math.PI * Math.Pow(10000, 2.0 * i / 8);
                var smooth = ((16 / wavelength) - 1) / (4 - 1);
                return (float)(wavelength < 4 ? 1 : wavelength > 16 ? 8 : 1 / (((1 - smooth) / 8) + smooth));
            });
            gguf.Add("rope_freqs.weight", torch.tensor(factors.ToArray()));
        }
    }
}
