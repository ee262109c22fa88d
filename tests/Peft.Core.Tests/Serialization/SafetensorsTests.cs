using System.Buffers.Binary;
using System.Text;
using Peft.Core.Serialization;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Tests.Serialization;

/// <summary>Reading and writing safetensors, and what happens with files that lie.</summary>
[Collection(TorchCollection.Name)]
public sealed class SafetensorsTests
{
    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}""", 8, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3,2],"data_offsets":[0,16]}}""", 16, "24 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}""", 16, "before it begins")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlap")]
    [InlineData("""{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,16]}}""", 16, "unknown dtype 'F4'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}""", 16, "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}}""", 16, "reserves 16")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4]}}""", 16, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":"4","data_offsets":[0,16]}}""", 16, "shape")]
    [InlineData("""{"a":7}""", 16, "no JSON object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "twice")]
    [InlineData("[1,2]", 16, "no JSON object")]
    [InlineData("{broken", 16, "no JSON")]
    public void Open_DamagedHeader_NamesFileAndTensor(string header, int dataBytes, string part)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("weights.safetensors");
        File.WriteAllBytes(path, Raw(header, dataBytes));
        var message = Assert.Throws<PeftException>(() => SafetensorsFile.Open(path)).Message;
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.Contains(part, message, StringComparison.Ordinal);
        if (header.StartsWith("{\"a\"", StringComparison.Ordinal))
            Assert.Contains("'a'", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(40)]
    public void Open_FileCutInsideItsHeader_SaysTruncated(int length)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("weights.safetensors");
        File.WriteAllBytes(path, Raw("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 16)[..length]);
        Assert.Contains("truncated", Assert.Throws<PeftException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_HugeHeaderLength_IsRefusedWithoutReadingIt()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("weights.safetensors");
        var bytes = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, ulong.MaxValue);
        File.WriteAllBytes(path, bytes);
        Assert.Contains("not a safetensors file", Assert.Throws<PeftException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tensor_EveryTypeWrittenAndRead_IsEqual()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("all.safetensors");
        ScalarType[] types =
        [
            ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16, ScalarType.Float64, ScalarType.Int64, ScalarType.Int32, ScalarType.Int16,
            ScalarType.Int8, ScalarType.Byte, ScalarType.Bool,
        ];
        var tensors = types.Select(t => new NamedParameter($"t.{t}", arange(12).view(3, 4).to(t).t())).ToList(); // not contiguous
        tensors.Add(new NamedParameter("scalar", tensor(2.5f)));
        tensors.Add(new NamedParameter("empty", zeros(0, 3)));
        SafetensorsWriter.Write(path, tensors);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal("pt", file.Header.Metadata["format"]);
        Assert.Equal(0, file.Header.DataOffset % 8);
        Assert.All(tensors, t => Assert.True(TensorOps.AllEqual(t.Tensor, file.Tensor(t.Name)), t.Name));
    }

    [Fact]
    public void Tensor_MisalignedData_IsCopied()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("odd.safetensors");
        var header = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";
        header += new string(' ', header.Length % 2 == 0 ? 1 : 2); // the data starts at an odd position
        var bytes = Raw(header, 8);
        BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(bytes.Length - 8), 1.5f);
        BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(bytes.Length - 4), -2f);
        File.WriteAllBytes(path, bytes);
        using var file = SafetensorsFile.Open(path);
        Assert.NotEqual(0, file.Header.DataOffset % 4);
        Assert.Equal([1.5f, -2f], file.Tensor("a").data<float>().ToArray());
    }

    [Fact]
    public void Tensor_WrittenTo_LeavesTheFileAlone()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("w.safetensors");
        SafetensorsWriter.Write(path, [new NamedParameter("a", ones(4))]);
        var before = File.ReadAllBytes(path);
        using (var file = SafetensorsFile.Open(path))
            file.Tensor("a").fill_(9);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void Tensor_UnknownName_NamesFileAndTensor()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("w.safetensors");
        SafetensorsWriter.Write(path, [new NamedParameter("a", ones(4))]);
        using var file = SafetensorsFile.Open(path);
        Assert.Contains("'b'", Assert.Throws<PeftException>(() => file.Tensor("b")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_OverALongerFile_LeavesNoRest()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("w.safetensors");
        SafetensorsWriter.Write(path, [new NamedParameter("a", ones(4000))]);
        SafetensorsWriter.Write(path, [new NamedParameter("a", ones(4))]);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(4, file.Tensor("a").numel());
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Write_TargetIsAFolder_FailsAndLeavesNothingBehind()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var path = folder.File("taken");
        Directory.CreateDirectory(path);
        Assert.Contains(path, Assert.Throws<PeftException>(() => SafetensorsWriter.Write(path, [new NamedParameter("a", ones(4))])).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    private static byte[] Raw(string header, int dataBytes)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }
}
