using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Peft.Core.Serialization.Gguf;
using Peft.Core.Serialization;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Methods;

/// <summary>Saved LoRA adapters made into others: what comes out has to compute what it stands for.</summary>
[Collection(TorchCollection.Name)]
public sealed class SavedLoraTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("cat")]
    [InlineData("svd")]
    public void Write_ExactWays_GiveTheSumOfTheChanges(string kind)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        var (first, second) = (Adapter(model, "one", 3, 3), Adapter(model, "two", 2, 4));

        LoraCombiner.Write([first, second], new CombinationOrder([0.7, -0.4], kind) { Rank = 5 }, folder.File("sum"));

        foreach (var (path, wanted) in Changes(model, [(first, 0.7), (second, -0.4)]))
        {
            using var combined = LoraFolder.Open(folder.File("sum"));
            var found = combined.Modules.Single(m => m.Path == path);
            Assert.True(allclose(wanted, found.B.mm(found.A) * found.Scaling, 1e-3, 1e-5), path);
        }

        using var loaded = PeftMethods.Load(model, folder.File("sum"));
        Assert.Equal("LORA", loaded.Config.PeftType);
    }

    [Fact]
    public void Write_ModulesOfOneAdapterOnly_AreTakenAlone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var first = Adapter(model, "wide", 2, 3, "all-linear");
        var second = Adapter(model, "narrow", 2, 4);

        LoraCombiner.Write([first, second], new CombinationOrder([1, 1], "linear"), folder.File("both"));

        using var combined = LoraFolder.Open(folder.File("both"));
        using var wide = LoraFolder.Open(first);
        Assert.Equal(wide.Modules.Count, combined.Modules.Count);
        using var loaded = PeftMethods.Load(model, folder.File("both"));
    }

    [Fact]
    public void Write_WhatCannotBeCombined_IsRefusedWithTheReason()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var (first, second) = (Adapter(model, "r2", 2, 3), Adapter(model, "r4", 4, 4));
        var pissa = Save(model, "pissa", new LoraConfig { R = 2, InitLoraWeights = LoraInit.Pissa });
        var saved = Save(model, "head", new LoraConfig { R = 2, ModulesToSave = ["lm_head"] });

        Refused("ranks differ", [first, second], new([1, 1], "linear"));
        Refused("as many weights", [first, second], new([1], "svd"));
        Refused("not known", [first], new([1], "mean"));
        Refused("density", [first], new([1], "ties") { Density = 0 });
        Refused("finite", [first], new([double.NaN], "svd"));
        Refused("pissa", [pissa], new([1], "svd"));
        Refused("more than A and B", [saved], new([1], "svd"));
        Refused("file not found", [folder.File("nowhere")], new([1], "svd"));
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public void Write_BrokenNumbers_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(TinyBase.Plain);
        var broken = Save(model, "broken", new LoraConfig { R = 2 }, tensor => tensor.fill_(float.NaN));
        Refused("broken", [broken], new([1], "cat"));
    }

    [Fact]
    public void Dare_SameSeed_IsTheSameAdapter()
    {
        using var model = TinyBase.Load(TinyBase.Plain);
        var first = Adapter(model, "dare", 4, 3);
        foreach (var name in new[] { "a", "b" })
            LoraCombiner.Write([first], new CombinationOrder([1], "dare_linear") { Seed = 7 }, folder.File(name));
        Assert.Equal(File.ReadAllBytes(folder.File("a/adapter_model.safetensors")), File.ReadAllBytes(folder.File("b/adapter_model.safetensors")));
    }

    [Fact]
    public void Gguf_OnTheRowsOfAGgufBase_IsTheMergedBase()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        var saved = Save(model, "patterns", new LoraConfig { R = 2, LoraAlpha = 6, TargetModules = ModuleSelector.FromPattern("all-linear"), RankPattern = new Dictionary<string, double> { ["k_proj"] = 3 } });
        var path = folder.File("adapter.gguf");

        LoraGguf.Write(saved, model.Config, path);

        var header = GgufHeader.Read(path);
        using var mapped = new MappedFile(path);
        Assert.Equal(("adapter", "lora", "llama"), (header.Metadata.Text("general.type"), header.Metadata.Text("adapter.type"), header.Metadata.Text("general.architecture")));
        var alpha = header.Metadata.Number("adapter.lora.alpha")!.Value;
        using var adapter = PeftMethods.Load(model, saved);
        adapter.Merge();
        foreach (var name in new[] { "self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj" })
        {
            var module = "model.layers.1." + name;
            var file = GgufWeights.FileName("llama", module)!;
            var a = GgufWeights.Values(mapped, header.Tensors[file + ".lora_a"]);
            var b = GgufWeights.Values(mapped, header.Tensors[file + ".lora_b"]);
            var parameter = model.Linears.First(site => site.Path == module).WeightParameter;
            var stored = GgufWeights.Interleaved("llama", module, parameter.Original, model.Config.NumAttentionHeads, model.Config.NumKeyValueHeads);
            var wanted = GgufWeights.Interleaved("llama", module, parameter.Value, model.Config.NumAttentionHeads, model.Config.NumKeyValueHeads);
            Assert.True(allclose(wanted, stored + (b.mm(a) * (float)(alpha / a.shape[0])), 1e-4, 1e-5), name);
        }
    }

    [Fact]
    public void Comparison_OfAnAdapterWithItself_AndOfItsOpposite_HasCosineOneAndMinusOne()
    {
        using var model = TinyBase.Load(TinyBase.Plain);
        var first = Adapter(model, "itself", 3, 3);
        LoraCombiner.Write([first], new CombinationOrder([-2], "svd"), folder.File("opposite"));

        Assert.All(LoraComparison.OfChanges(first, first), row => Assert.Equal(1, row.Cosine!.Value, 6));
        Assert.All(LoraComparison.OfChanges(first, folder.File("opposite")), row =>
        {
            Assert.Equal(-1, row.Cosine!.Value, 4);
            Assert.Equal(2 * row.First!.Value, row.Second!.Value, 3);
        });
        Assert.All(AdapterComparison.OfTensors(first, first), row => Assert.Equal(1, row.Cosine!.Value, 6));
    }

    [Fact]
    public void MergeCheck_OfAnAdapter_ReportsTheDifferenceAndThatTheBaseComesBack()
    {
        using var model = TinyBase.Load(TinyBase.Plain);
        var saved = Adapter(model, "checked", 3, 3);
        using var adapter = PeftMethods.Load(model, saved);

        var report = MergeCheck.Merge(model, adapter, safe: true);

        Assert.True(adapter.Merged);
        Assert.InRange(report.LargestDifference!.Value, 0, 1e-3 * report.LargestOutput!.Value);
        Assert.True(report.Restored);
    }

    private string Adapter(CausalLanguageModel model, string name, int rank, int seed, string? targets = null)
    {
        manual_seed(seed);
        return Save(model, name, new LoraConfig { R = rank, LoraAlpha = 2 * rank, TargetModules = targets is null ? null : ModuleSelector.FromPattern(targets) });
    }

    private string Save(CausalLanguageModel model, string name, LoraConfig config, Action<Tensor>? change = null)
    {
        using var adapter = PeftMethods.Create(model, config);
        using (no_grad())
        {
            foreach (var (_, tensor) in adapter.Trainable)
                (change ?? (t => t.add_(randn_like(t).mul_(0.05))))(tensor);
        }

        adapter.Save(folder.File(name), "tiny");
        return folder.File(name);
    }

    private static IEnumerable<(string Path, Tensor Change)> Changes(CausalLanguageModel model, (string Folder, double Weight)[] parts)
    {
        var sums = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var (saved, weight) in parts)
        {
            using var adapter = PeftMethods.Load(model, saved);
            adapter.Merge();
            foreach (var site in model.Linears)
            {
                var change = (site.WeightParameter.Value - site.WeightParameter.Original) * (float)weight;
                if (change.abs().max().item<float>() > 0)
                    sums[site.Path] = sums.TryGetValue(site.Path, out var sum) ? sum + change : change;
            }
        }

        return sums.Select(pair => (pair.Key, pair.Value));
    }

    private void Refused(string said, string[] folders, CombinationOrder order) =>
        Assert.Contains(said, Assert.Throws<PeftException>(() => LoraCombiner.Write(folders, order, folder.File("out"))).Message, StringComparison.Ordinal);
}
