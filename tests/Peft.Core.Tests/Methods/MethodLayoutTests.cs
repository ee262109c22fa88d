using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Methods.Layout;
using Peft.Core.Models;

namespace Peft.Core.Tests.Methods;

/// <summary>The picture of a method on a base: nothing of the numbers may be lost on the way to it.</summary>
public sealed class MethodLayoutTests
{
    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var method in PeftMethodRegistry.All)
        {
            pairs.Add(method.Name, TinyBase.Plain);
            pairs.Add(method.Name, TinyBase.WithBiases);
        }

        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Of_AnyMethod_ShowsEveryNumberOfTheTrainableLine(string method, string baseName)
    {
        var model = ModelConfig.Load(TinyBase.Folder(baseName));
        var config = PeftConfig.FromJson(new JsonObject { ["peft_type"] = method, ["task_type"] = "CAUSAL_LM" });
        if (!config.Validate(model).IsValid)
            return; // the pair makes no sense, and the picture is of the base alone

        var layout = MethodLayout.Of(model, config);

        var modules = layout.Parts.SelectMany(part => part.Groups.SelectMany(group => group.Modules.Select(module => (Times: (long)part.Count * group.Repeats, Module: module)))).ToArray();
        var groups = layout.Parts.Sum(part => part.Groups.Sum(group => (long)part.Count * group.Repeats * group.Added.Sum(t => t.Count)));
        var added = modules.Sum(m => m.Times * m.Module.Added.Sum(t => t.Count)) + groups + layout.Input.Sum(t => t.Count) + layout.Attention.Sum(t => t.Count);
        Assert.Equal(model.ParameterCount(), modules.Sum(m => m.Times * m.Module.Parameters));
        Assert.Equal(config.Count(model).Trainable, added + modules.Sum(m => m.Times * m.Module.Trained));
    }

    [Fact]
    public void Of_Llama_ShowsLikeLayersOnceInTheOrderTheyCompute()
    {
        var model = ModelConfig.Load(TinyBase.Folder(TinyBase.Plain));

        var layout = MethodLayout.Of(model, null);

        Assert.Equal(["", "model.layers", ""], layout.Parts.Select(part => part.Path));
        Assert.Equal((0, model.NumHiddenLayers), (layout.Parts[1].First, layout.Parts[1].Count));
        Assert.Equal(["input_layernorm", "self_attn", "post_attention_layernorm", "mlp"], layout.Parts[1].Groups.Select(group => group.Name.Length > 0 ? group.Name : group.Modules[0].Name));
        Assert.True(layout.Parts[1].Groups[1].IsAttention);
        Assert.Equal(0, layout.Count.Trainable);
    }

    [Fact]
    public void Of_SomeLayersOnly_ShowsThemApart()
    {
        var model = ModelConfig.Load(TinyBase.Folder(TinyBase.Plain));
        var config = PeftConfig.FromJson(new JsonObject { ["peft_type"] = "LORA", ["layers_to_transform"] = new JsonArray(0) });

        var layers = MethodLayout.Of(model, config).Parts.Where(part => part.First >= 0).ToArray();

        Assert.Equal([0, 1], layers.Select(part => part.First));
        Assert.NotEmpty(layers[0].Groups.SelectMany(group => group.Modules).SelectMany(module => module.Added));
        Assert.Empty(layers[1].Groups.SelectMany(group => group.Modules).SelectMany(module => module.Added));
    }

    [Fact]
    public void Of_Prefix_StandsInFrontOfEveryAttention()
    {
        var model = ModelConfig.Load(TinyBase.Folder(TinyBase.Plain));
        var layout = MethodLayout.Of(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = "PREFIX_TUNING" }));
        Assert.NotEmpty(layout.Attention);
        Assert.Empty(layout.Input);
    }
}
