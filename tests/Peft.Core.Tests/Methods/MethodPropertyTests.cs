using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Models;
using Peft.Core.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Methods;

/// <summary>What every method must hold. A new method adds rows to the table, not tests.</summary>
[Collection(TorchCollection.Name)]
public sealed class MethodPropertyTests
{
    private static readonly (string Name, string Base, string Config)[] Table =
    [
        ("lora", TinyBase.Plain, """{"peft_type":"LORA","r":4,"lora_alpha":16}"""),
        ("lora all-linear", TinyBase.WithBiases, """{"peft_type":"LORA","r":4,"target_modules":"all-linear"}"""),
        ("lora rslora", TinyBase.Plain, """{"peft_type":"LORA","r":4,"use_rslora":true,"target_modules":["o_proj","down_proj"]}"""),
        ("lora embedding and head", TinyBase.Plain, """{"peft_type":"LORA","r":2,"target_modules":["embed_tokens","lm_head","v_proj"]}"""),
        ("lora bias all", TinyBase.WithBiases, """{"peft_type":"LORA","r":2,"bias":"all"}"""),
        ("lora bias lora_only", TinyBase.WithBiases, """{"peft_type":"LORA","r":2,"bias":"lora_only"}"""),
        ("lora modules_to_save", TinyBase.Plain, """{"peft_type":"LORA","r":2,"modules_to_save":["lm_head","embed_tokens"]}"""),
        ("lora dropout", TinyBase.Plain, """{"peft_type":"LORA","r":4,"lora_dropout":0.5}"""),
        ("lora dora", TinyBase.Plain, """{"peft_type":"LORA","r":4,"use_dora":true,"target_modules":["q_proj","down_proj"]}"""),
        ("lora dora dropout", TinyBase.WithBiases, """{"peft_type":"LORA","r":4,"use_dora":true,"lora_dropout":0.5}"""),
        ("lora pissa", TinyBase.Plain, """{"peft_type":"LORA","r":4,"init_lora_weights":"pissa"}"""),
        ("lora pissa approximate", TinyBase.Plain, """{"peft_type":"LORA","r":4,"init_lora_weights":"pissa_niter_4"}"""),
        ("lora olora", TinyBase.Plain, """{"peft_type":"LORA","r":4,"init_lora_weights":"olora","lora_alpha":16}"""),
        ("lora bias of B", TinyBase.WithBiases, """{"peft_type":"LORA","r":4,"lora_bias":true}"""),
        ("lora tokens", TinyBase.Plain, """{"peft_type":"LORA","r":4,"trainable_token_indices":[3,7,50]}"""),
        ("vera", TinyBase.Plain, """{"peft_type":"VERA","r":12}"""),
        ("vera all-linear", TinyBase.WithBiases, """{"peft_type":"VERA","r":12,"target_modules":"all-linear","save_projection":false,"vera_dropout":0.1}"""),
        ("loha", TinyBase.Plain, """{"peft_type":"LOHA","r":4,"rank_dropout":0.2,"modules_to_save":["lm_head"]}"""),
        ("lokr", TinyBase.Plain, """{"peft_type":"LOKR","r":2,"target_modules":["q_proj","down_proj"]}"""),
        ("lokr decomposed", TinyBase.Plain, """{"peft_type":"LOKR","r":1,"decompose_both":true,"decompose_factor":4}"""),
        ("oft", TinyBase.Plain, """{"peft_type":"OFT","oft_block_size":8}"""),
        ("oft exact", TinyBase.WithBiases, """{"peft_type":"OFT","r":4,"oft_block_size":0,"use_cayley_neumann":false,"block_share":true}"""),
        ("boft with more asked for", TinyBase.Plain, """{"peft_type":"BOFT","boft_block_size":4,"boft_n_butterfly_factor":2,"boft_dropout":0.3}"""),
        ("boft", TinyBase.WithBiases, """{"peft_type":"BOFT","boft_block_size":4}"""),
        ("prefix", TinyBase.Plain, """{"peft_type":"PREFIX_TUNING","num_virtual_tokens":4}"""),
        ("prefix projection", TinyBase.Plain, """{"peft_type":"PREFIX_TUNING","num_virtual_tokens":4,"prefix_projection":true,"encoder_hidden_size":12}"""),
        ("adalora", TinyBase.Plain, """{"peft_type":"ADALORA","init_r":4,"target_r":2,"total_step":20}"""),
        ("adalora all-linear", TinyBase.WithBiases, """{"peft_type":"ADALORA","init_r":4,"target_r":2,"target_modules":"all-linear","lora_dropout":0.1}"""),
        ("prompt", TinyBase.Plain, """{"peft_type":"PROMPT_TUNING","num_virtual_tokens":4}"""),
        ("prompt text", TinyBase.Plain, """{"peft_type":"PROMPT_TUNING","num_virtual_tokens":4,"prompt_tuning_init":"TEXT","prompt_tuning_init_text":"classify if the text"}"""),
        ("p-tuning", TinyBase.Plain, """{"peft_type":"P_TUNING","num_virtual_tokens":4,"encoder_hidden_size":12}"""),
        ("p-tuning lstm", TinyBase.Plain, """{"peft_type":"P_TUNING","num_virtual_tokens":4,"encoder_hidden_size":12,"encoder_reparameterization_type":"LSTM"}"""),
        ("multitask prompt", TinyBase.Plain, """{"peft_type":"MULTITASK_PROMPT_TUNING","num_virtual_tokens":4,"num_ranks":2,"num_tasks":2}"""),
        ("adaption prompt", TinyBase.WithBiases, """{"peft_type":"ADAPTION_PROMPT","adapter_len":3,"adapter_layers":1}"""),
        ("ia3", TinyBase.WithBiases, """{"peft_type":"IA3"}"""),
        ("houlsby", TinyBase.Plain, """{"peft_type":"HOULSBY","reduction_factor":4}"""),
        ("pfeiffer", TinyBase.Plain, """{"peft_type":"PFEIFFER","reduction_factor":4}"""),
        ("parallel", TinyBase.Plain, """{"peft_type":"BOTTLENECK","reduction_factor":4}"""),
        ("ln", TinyBase.Plain, """{"peft_type":"LN_TUNING"}"""),
        ("probe", TinyBase.Plain, """{"peft_type":"PROBE"}"""),
        ("bitfit", TinyBase.WithBiases, """{"peft_type":"BITFIT"}"""),
        ("full", TinyBase.Plain, """{"peft_type":"FULL"}"""),
    ];

    public static IEnumerable<object[]> Rows() => Table.Select(r => new object[] { r.Name });

    [Fact]
    public void Table_Registry_HasARowForEveryMethod() =>
        Assert.Equal(PeftMethodRegistry.All.Select(m => m.Name).Order(), Table.Select(r => Config(r.Name).PeftType).Distinct().Order());

    [Theory]
    [MemberData(nameof(Rows))]
    public void Training_Backward_GivesGradientsToTheAdapterAlone(string row)
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(Base(row));
        using var adapter = PeftMethods.Create(model, Config(row));
        model.Training = true;
        CausalLoss.Compute(model, TinyBase.Ids(), null, TinyBase.Ids()).backward();
        Assert.All(adapter.Trainable, p => Assert.NotNull(p.Tensor.grad));
        Assert.All(model.Parameters, p => Assert.False(p.Original.requires_grad, p.Name));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Shapes_FromConfigAlone_EqualTheTensors(string row)
    {
        using var model = TinyBase.Load(Base(row));
        using var adapter = PeftMethods.Create(model, Config(row));
        var planned = adapter.Config.TrainableShapes(model.Config).Select(s => $"{s.Name} [{string.Join(", ", s.Shape)}]");
        var real = adapter.Trainable.Select(p => $"{p.Name} [{string.Join(", ", p.Tensor.shape)}]");
        Assert.Equal(planned.Order(), real.Order());
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Enabled_False_GivesTheBaseBackBitForBit(string row)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(Base(row));
        var plain = Logits(model);
        using var adapter = Disturbed(model, row);
        var adapted = Logits(model);
        Assert.False(TensorOps.AllEqual(plain, adapted));
        adapter.Enabled = false;
        Assert.True(TensorOps.AllEqual(plain, Logits(model)));
        adapter.Enabled = true;
        Assert.True(TensorOps.AllEqual(adapted, Logits(model)));
        adapter.Detach();
        Assert.True(TensorOps.AllEqual(plain, Logits(model)));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void SaveAndLoad_TrainedAdapter_ComputesTheSame(string row)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var folder = new TemporaryFolder();
        using var model = TinyBase.Load(Base(row));
        Tensor expected;
        using (var adapter = Disturbed(model, row))
        {
            expected = Logits(model);
            adapter.Save(folder.Path, "base");
        }

        using var loaded = PeftMethods.Load(model, folder.Path);
        Assert.All(loaded.Trainable, p => Assert.False(p.Tensor.requires_grad));
        Assert.Equal("base", loaded.Config.BaseModelNameOrPath);
        Assert.True(allclose(expected, Logits(model), 1e-6, 1e-6));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void State_CopiedIntoAFreshAdapter_ComputesTheSame(string row)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(Base(row));
        Tensor expected;
        Dictionary<string, Tensor> state;
        using (var adapter = Disturbed(model, row))
        {
            expected = Logits(model);
            state = adapter.State().ToDictionary(p => p.Key, p => p.Value.detach().clone());
        }

        manual_seed(99);
        using var fresh = PeftMethods.Create(model, Config(row));
        fresh.LoadState(state);
        Assert.True(TensorOps.AllEqual(expected, Logits(model)));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Merge_WhereTheMethodCan_ComputesTheSameAndComesOutAgain(string row)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(Base(row));
        var plain = Logits(model);
        using var adapter = Disturbed(model, row);
        var adapted = Logits(model);
        if (!PeftMethodRegistry.Find(adapter.Config.PeftType).CanMerge)
        {
            Assert.Throws<PeftException>(adapter.Merge);
            return;
        }

        adapter.Merge();
        adapter.Merge();
        Assert.True(allclose(adapted, Logits(model), 1e-4, 1e-4));
        adapter.Unmerge();
        Assert.True(TensorOps.AllEqual(adapted, Logits(model)));
        adapter.Merge();
        adapter.Detach();
        Assert.True(TensorOps.AllEqual(plain, Logits(model)));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Training_ManySteps_LeavesNoTensorBehind(string row)
    {
        using var model = TinyBase.Load(Base(row));
        using var adapter = PeftMethods.Create(model, Config(row));
        model.Training = true;
        using var ids = TinyBase.Ids();
        Step(model, adapter, ids);
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++)
            Step(model, adapter, ids);
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Adapter_OverABFloat16Base_TrainsInFloat32(string row)
    {
        using var scope = NewDisposeScope();
        using var model = TinyBase.Load(Base(row), "bfloat16");
        if (PeftMethodRegistry.Find(Config(row).PeftType).NeedsFloat32Base)
        {
            Assert.Contains("float32", Assert.Throws<PeftException>(() => PeftMethods.Create(model, Config(row))).Message, StringComparison.Ordinal);
            return;
        }

        using var adapter = PeftMethods.Create(model, Config(row));
        model.Training = true;
        CausalLoss.Compute(model, TinyBase.Ids(), null, TinyBase.Ids()).backward();
        Assert.All(adapter.Trainable, p => Assert.Equal(ScalarType.Float32, p.Tensor.dtype));
        Assert.All(adapter.Trainable, p => Assert.Equal(ScalarType.Float32, p.Tensor.grad!.dtype));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Json_WrittenAndRead_MeansTheSame(string row)
    {
        var config = Config(row);
        var again = PeftConfig.FromJson(JsonNode.Parse(config.ToJson().ToJsonString())!.AsObject());
        Assert.Equal(config.ToJson().ToJsonString(), again.ToJson().ToJsonString());
    }

    private static string Base(string row) => Table.First(r => r.Name == row).Base;

    private static PeftConfig Config(string row) => PeftConfig.FromJson(JsonNode.Parse(Table.First(r => r.Name == row).Config)!.AsObject());

    private static PeftAdapter Disturbed(CausalLanguageModel model, string row)
    {
        manual_seed(7);
        var adapter = PeftMethods.Create(model, Config(row));
        using var gradOff = no_grad();
        foreach (var (_, tensor) in adapter.Trainable)
            tensor.add_(randn_like(tensor).mul_(0.05));
        return adapter;
    }

    private static void Step(CausalLanguageModel model, PeftAdapter adapter, Tensor ids)
    {
        using var scope = NewDisposeScope();
        CausalLoss.Compute(model, ids, null, ids).backward();
        using var gradOff = no_grad();
        foreach (var (_, tensor) in adapter.Trainable)
            tensor.grad!.zero_();
    }

    private static Tensor Logits(CausalLanguageModel model) => model.Logits(model.Hidden(TinyBase.Ids()));
}
