using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Models;
using Peft.Core.Serialization;
using Peft.Core.Serialization.Pickle;
using Peft.Core.Tensors;
using TorchSharp;

namespace Peft.Core.Tests.Serialization;

/// <summary>Files that torch.save wrote: both forms, views, shards; and everything that is no tensor is refused by name.</summary>
[Collection(TorchCollection.Name)]
public sealed class TorchFileTests
{
    private static readonly Dictionary<string, byte[]> s_numbers = new() { ["0"] = Floats(12) };
    private static readonly Dictionary<string, long> s_counts = new() { ["0"] = 12 };

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Tensor_ViewsOfOneStorage_AreWhatWasSaved(bool row, bool packed)
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("w.bin");
        SavedTensor[] saved =
        [
            new("whole", "0", 0, [3, 4], [4, 1]), new("transposed", "0", 0, [4, 3], [1, 4]), new("part", "0", 5, [2, 2], [4, 1]), new("scalar", "0", 11, [], []),
            new("empty", "0", 0, [0, 4], [4, 1]),
        ];
        Write(path, PickleBuilder.StateDict(saved, s_counts), row, packed);
        using var file = TorchFile.Open(path);
        var whole = torch.arange(12, torch.ScalarType.Float32).view(3, 4);
        Assert.True(TensorOps.AllEqual(whole, file.Tensor("whole")));
        Assert.True(TensorOps.AllEqual(whole.t(), file.Tensor("transposed")));
        Assert.True(TensorOps.AllEqual(torch.tensor(new[] { 5f, 6, 9, 10 }).view(2, 2), file.Tensor("part")));
        Assert.Equal(11, file.Tensor("scalar").item<float>());
        Assert.Equal([0, 4], file.Tensor("empty").shape);
        Assert.Equal([3, 4], file.Stored["whole"].Shape);
    }

    [Fact]
    public void Tensor_WrappedAsParameter_IsRead()
    {
        using var scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("w.bin");
        PickleBuilder.Archive(path, PickleBuilder.StateDict([new("a", "0", 0, [12], [1])], s_counts, parameters: true), s_numbers);
        using var file = TorchFile.Open(path);
        Assert.Equal(12, file.Tensor("a").numel());
    }

    [Fact]
    public void Tensor_StoredPlainly_IsMapped()
    {
        using var scope = torch.NewDisposeScope();
        var path = Path.Combine(AppContext.BaseDirectory, "Goldens", "data", "peft", "lora_gpt2_default", "final_bin", "adapter_model.bin");
        using var file = TorchFile.Open(path);
        Assert.All(file.Stored.Keys, name => Assert.True(Addresses.Same(file.Tensor(name), file.Tensor(name)), name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Load_BaseInEitherForm_EqualsSafetensors(bool row)
    {
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        using var folder = TinyBase.Copy(TinyBase.Plain);
        PickleBuilder.Convert(folder.File("model.safetensors"), folder.File("pytorch_model.bin"), row);
        File.Delete(folder.File("model.safetensors"));
        using var expected = TinyBase.Load(TinyBase.Plain);
        using var model = CausalLanguageModel.Load(folder.Path);
        Assert.True(TensorOps.AllEqual(expected.Hidden(TinyBase.Ids()), model.Hidden(TinyBase.Ids())));
    }

    [Fact]
    public void Load_Shards_EqualSafetensors()
    {
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        using var folder = TinyBase.Copy(TinyBase.Plain);
        var map = new JsonObject();
        foreach (var (shard, layer) in new[] { ("a.bin", true), ("b.bin", false) })
        {
            bool Wanted(string name) => name.Contains("layers.0", StringComparison.Ordinal) == layer;
            PickleBuilder.Convert(folder.File("model.safetensors"), folder.File(shard), row: layer, Wanted);
            using var file = TorchFile.Open(folder.File(shard));
            foreach (var name in file.Stored.Keys)
                map[name] = shard;
        }

        File.Delete(folder.File("model.safetensors"));
        File.WriteAllText(folder.File("pytorch_model.bin.index.json"), new JsonObject { ["weight_map"] = map.DeepClone() }.ToJsonString());
        using var expected = TinyBase.Load(TinyBase.Plain);
        using var model = CausalLanguageModel.Load(folder.Path);
        Assert.True(TensorOps.AllEqual(expected.Hidden(TinyBase.Ids()), model.Hidden(TinyBase.Ids())));
        map["model.norm.weight"] = "a.bin";
        File.WriteAllText(folder.File("pytorch_model.bin.index.json"), new JsonObject { ["weight_map"] = map }.ToJsonString());
        Assert.Contains("'model.norm.weight'", Assert.Throws<PeftException>(() => Checkpoint.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("torch", "load")]
    [InlineData("torch._utils", "_rebuild_sparse_tensor")]
    [InlineData("numpy.core.multiarray", "_reconstruct")]
    public void Open_OtherNames_AreRefusedWithFileAndPlace(string module, string name)
    {
        foreach (var row in new[] { false, true })
        {
            var pickle = new PickleBuilder().Op("}").Global(module, name).Text("touch x").Op("\x85R0").End();
            var message = Refused(pickle, row);
            Assert.Contains($"'{module}.{name}'", message, StringComparison.Ordinal);
            Assert.Contains("byte ", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Open_NameOnTheStack_IsRefused() =>
        Assert.Contains("'os.system'", Refused(new PickleBuilder().Text("os").Text("system").Raw(0x93).End()), StringComparison.Ordinal);

    [Theory]
    [InlineData("i")] // INST
    [InlineData("o")] // OBJ
    [InlineData("\x81")] // NEWOBJ
    [InlineData("\x82")] // EXT1
    [InlineData("P")] // PERSID
    [InlineData("\x8f")] // EMPTY_SET
    public void Open_OtherOpcodes_AreRefused(string opcode)
    {
        var message = Refused(new PickleBuilder().Op("}").Op(opcode).End());
        Assert.Contains($"opcode 0x{(int)opcode[0]:X2}", message, StringComparison.Ordinal);
        Assert.Contains("byte 3", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_TensorBeyondItsStorage_IsRefused()
    {
        foreach (var tensor in new SavedTensor[]
        {
            new("a", "0", 1, [12], [1]), new("a", "0", 0, [3, 5], [4, 1]), new("a", "0", -1, [1], [1]), new("a", "0", 0, [2], [-1]),
            new("a", "0", 0, [1L << 40, 1L << 40], [0, 0]), new("a", "0", 0, [3], [long.MaxValue]),
        })
            Assert.Contains("storage '0'", Refused(PickleBuilder.StateDict([tensor], s_counts)), StringComparison.Ordinal);
        Assert.Contains("should hold 13", Refused(PickleBuilder.StateDict([new("a", "0", 0, [13], [1])], new Dictionary<string, long> { ["0"] = 13 })), StringComparison.Ordinal);
    }

    [Fact]
    public void Tensor_Expanded_IsRefusedWhenAskedFor()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("w.bin");
        PickleBuilder.Archive(path, PickleBuilder.StateDict([new("a", "0", 0, [1 << 20, 12], [0, 1])], s_counts), s_numbers);
        using var file = TorchFile.Open(path);
        Assert.Contains("'a'", Assert.Throws<PeftException>(() => file.Tensor("a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_OtherFiles_SaySo()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("w.bin");
        Assert.Contains("not found", Message(path), StringComparison.Ordinal);
        File.WriteAllText(path, "");
        Assert.Contains("truncated", Message(path), StringComparison.Ordinal);
        File.WriteAllText(path, "version https://git-lfs.github.com/spec/v1");
        Assert.Contains("torch.save", Message(path), StringComparison.Ordinal);
        PickleBuilder.Archive(path, PickleBuilder.StateDict([new("a", "0", 0, [12], [1])], s_counts), s_numbers, byteorder: "big");
        Assert.Contains("big-endian", Message(path), StringComparison.Ordinal);
        PickleBuilder.Archive(path, new PickleBuilder().Op("}").Text("state_dict").Op("}s").End(), s_numbers);
        Assert.Contains("'state_dict'", Message(path), StringComparison.Ordinal);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^30]);
        Assert.Contains("no directory", Message(path), StringComparison.Ordinal);
    }

    private static string Refused(byte[] pickle, bool row = false)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("w.bin");
        Write(path, pickle, row, packed: false);
        var message = Message(path);
        Assert.Contains(path, message, StringComparison.Ordinal);
        return message;
    }

    private static string Message(string path) => Assert.Throws<PeftException>(() => TorchFile.Open(path)).Message;

    private static void Write(string path, byte[] pickle, bool row, bool packed)
    {
        if (row)
            PickleBuilder.Row(path, pickle, [("0", 12, s_numbers["0"])]);
        else
            PickleBuilder.Archive(path, pickle, s_numbers, packed);
    }

    private static byte[] Floats(int count) => [.. Enumerable.Range(0, count).SelectMany(i => BitConverter.GetBytes((float)i))];
}
