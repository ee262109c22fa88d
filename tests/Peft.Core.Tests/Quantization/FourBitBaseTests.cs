using System.Text.Json.Nodes;
using Peft.Core.Methods;
using Peft.Core.Methods.Lora;
using Peft.Core.Models;
using Peft.Core.Quantization;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Quantization;

/// <summary>A base in 4 bits: written and read again, trained on, merged into; and merged models as folders of their own.</summary>
[Collection(TorchCollection.Name)]
public sealed class FourBitBaseTests
{
    private static readonly QuantizationConfig Nf4 = new() { LoadIn4Bit = true, Bnb4BitQuantType = "nf4", Bnb4BitUseDoubleQuant = true };

    [Fact]
    public void Write_QuantizedBase_IsReadAgainBitForBit()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var folder = new TemporaryFolder();
        using var model = Load();
        ModelFolderWriter.Write(model, folder.Path);
        using var again = BaseModel.Load(folder.Path);
        Assert.True(again.Quantization!.Config.Bnb4BitUseDoubleQuant);
        Assert.True(TensorOps.AllEqual(Logits(model), Logits((CausalLanguageModel)again)));
        using var file = SafetensorsFile.Open(folder.File("model.safetensors"));
        Assert.Equal(ScalarType.Byte, file.Tensor("model.layers.0.mlp.up_proj.weight").dtype);
        Assert.Equal(ScalarType.Float32, file.Tensor("lm_head.weight").dtype);
    }

    [Fact]
    public void Backward_QuantizedBase_EqualsTheOneThroughExpandedWeights()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var quantized = QuantizedTensor.Quantize(randn(48, 64), "nf4", doubleQuant: true);
        using var buffer = new DequantizationBuffer();
        var weight = new QuantizedWeight(quantized, ScalarType.Float32, buffer);
        var (x, y) = (randn(5, 64, requires_grad: true), randn(5, 64, requires_grad: true));
        using (no_grad())
            y.copy_(x);
        weight.Linear(x, null).square().sum().backward();
        y.mm(quantized.Dequantize(ScalarType.Float32).t()).square().sum().backward();
        Assert.True(allclose(x.grad!, y.grad!, 1e-5, 1e-5));
    }

    [Fact]
    public void Load_PreparedBFloat16Base_KeepsItsTablesNarrowAndComputesInFloat32()
    {
        using var scope = NewDisposeScope();
        using var folder = TinyBase.Copy(TinyBase.Plain);
        using (var plain = TinyBase.Load(TinyBase.Plain))
            SafetensorsWriter.Write(folder.File("model.safetensors"), [.. plain.Parameters.Select(p => p.Named with { Tensor = p.Value.to(ScalarType.BFloat16) })]);
        using var model = CausalLanguageModel.Load(folder.Path, new ModelLoadOptions { Dtype = "bfloat16", Quantization = Nf4 });
        Assert.Equal(ScalarType.Float32, model.DType);
        Assert.NotNull(model.Embedding.WeightParameter.Narrow);
        Assert.NotNull(model.Head!.WeightParameter.Narrow);
        var ids = tensor(new long[] { 5, 3, 5 });
        Assert.True(TensorOps.AllEqual(model.Embedding.Weight.index_select(0, ids), model.Embedding.Base(ids)));
        var (x, y) = (randn(5, model.Config.HiddenSize, requires_grad: true), randn(5, model.Config.HiddenSize, requires_grad: true));
        using (no_grad())
            y.copy_(x);
        model.Head.Base(x).square().sum().backward();
        nn.functional.linear(y, model.Head.Weight).square().sum().backward();
        Assert.True(allclose(y.grad!, x.grad!, 1e-5, 1e-6));
    }

    [Fact]
    public void Of_MatrixInStretches_EqualsTheWhole()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var matrix = randn(70, 24);
        var (x, y) = (randn(5, 24, requires_grad: true), randn(5, 24, requires_grad: true));
        using (no_grad())
            y.copy_(x);
        var (parts, whole) = (FrozenProduct.Of(x, new InStretches(matrix)), nn.functional.linear(y, matrix));
        Assert.True(allclose(whole, parts, 1e-6, 1e-6));
        parts.sin().sum().backward();
        whole.sin().sum().backward();
        Assert.True(allclose(y.grad!, x.grad!, 1e-5, 1e-5));
    }

    [Fact]
    public void Training_ManySteps_LeavesNoTensorBehind()
    {
        using var model = Load();
        using var adapter = PeftMethods.Create(model, new LoraConfig { TargetModules = ModuleSelector.FromPattern("all-linear") });
        model.Training = true;
        using var ids = TinyBase.Ids();
        void Step()
        {
            using var scope = NewDisposeScope();
            CausalLoss.Compute(model, ids, null, ids).backward();
            using var gradOff = no_grad();
            foreach (var (_, tensor) in adapter.Trainable)
                tensor.grad!.zero_();
        }

        Step();
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++)
            Step();
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Merge_QuantizedBase_ComputesTheSameAndComesOutAgain()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = Load();
        var plain = Logits(model);
        using var adapter = PeftMethods.Create(model, new LoraConfig { InitLoraWeights = LoraInit.Random });
        var adapted = Logits(model);
        adapter.Merge(safe: true);
        Assert.True(allclose(adapted, Logits(model), 1e-4, 1e-4));
        adapter.Unmerge();
        Assert.True(TensorOps.AllEqual(adapted, Logits(model)));
        adapter.Detach();
        Assert.True(TensorOps.AllEqual(plain, Logits(model)));
    }

    [Theory]
    [InlineData("""{"load_in_4bit":true,"bnb_4bit_quant_type":"int4"}""", "bnb_4bit_quant_type")]
    [InlineData("""{"load_in_4bit":true,"bnb_4bit_compute_dtype":"float16"}""", "bnb_4bit_compute_dtype")]
    public void Load_ImpossibleSetting_NamesIt(string json, string field)
    {
        var config = QuantizationConfig.FromJson(JsonNode.Parse(json)!.AsObject());
        var error = Assert.Throws<PeftException>(() => BaseModel.Load(TinyBase.Folder(TinyBase.Plain), new ModelLoadOptions { Quantization = config }));
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_FullTuningOnAQuantizedBase_IsRefused()
    {
        using var model = Load();
        Assert.Contains("4-bit", Assert.Throws<PeftException>(() => PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = "FULL" }))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_MergedModelInShards_ComputesWhatTheAdapterDid()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var folder = new TemporaryFolder();
        using var model = TinyBase.Load(TinyBase.Plain);
        using var adapter = PeftMethods.Create(model, new LoraConfig { InitLoraWeights = LoraInit.Random });
        var adapted = Logits(model);
        adapter.Merge(safe: true);
        ModelFolderWriter.Write(model, folder.Path, shardBytes: 40_000);
        Assert.True(File.Exists(folder.File("model.safetensors.index.json")));
        using var merged = CausalLanguageModel.Load(folder.Path, new ModelLoadOptions { Dtype = "float32" });
        Assert.True(allclose(adapted, Logits(merged), 1e-4, 1e-4));
        Assert.Contains("nothing is overwritten", Assert.Throws<PeftException>(() => ModelFolderWriter.Write(model, folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merge_BrokenAdapterSafely_IsRefusedAndTakenOut()
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var model = TinyBase.Load(TinyBase.Plain);
        var plain = Logits(model);
        using var adapter = PeftMethods.Create(model, new LoraConfig { InitLoraWeights = LoraInit.Random });
        adapter.Trainable[0].Tensor.fill_(float.NaN);
        Assert.Contains("q_proj", Assert.Throws<PeftException>(() => adapter.Merge(safe: true)).Message, StringComparison.Ordinal);
        Assert.False(adapter.Merged);
        adapter.Detach();
        Assert.True(TensorOps.AllEqual(plain, Logits(model)));
    }

    [Theory]
    [InlineData("pissa")]
    [InlineData("olora")]
    public void SavePlain_TrainedAdapter_IsALoraThatComputesTheSame(string start)
    {
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        using var folder = new TemporaryFolder();
        using var model = TinyBase.Load(TinyBase.Plain);
        Tensor expected;
        using (var adapter = PeftMethods.Create(model, PeftConfig.FromJson(new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["init_lora_weights"] = start })))
        {
            foreach (var (_, tensor) in adapter.Trainable)
                tensor.add_(randn_like(tensor).mul_(0.05));
            expected = Logits(model);
            LoraConversion.SavePlain(adapter, folder.Path);
        }

        using var plain = PeftMethods.Load(model, folder.Path);
        Assert.Equal(8, ((LoraConfig)plain.Config).R);
        Assert.True(allclose(expected, Logits(model), 1e-4, 1e-4));
    }

    private static CausalLanguageModel Load() =>
        CausalLanguageModel.Load(TinyBase.Folder(TinyBase.Plain), new ModelLoadOptions { Dtype = "float32", Quantization = Nf4 });

    private static Tensor Logits(CausalLanguageModel model) => model.Logits(model.Hidden(TinyBase.Ids()));

    private sealed class InStretches(Tensor matrix) : IStoredMatrix
    {
        public long Rows => matrix.shape[0];

        public long RowsAtATime => 32;

        public Tensor Expand(long start, long count) => matrix.narrow(0, start, count).clone();
    }
}
