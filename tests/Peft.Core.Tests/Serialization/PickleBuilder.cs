using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Peft.Core.Serialization;
using TorchSharp;

namespace Peft.Core.Tests.Serialization;

/// <summary>A tensor to be pickled: a view of a storage.</summary>
internal sealed record SavedTensor(string Name, string Storage, long Offset, long[] Shape, long[] Strides, string Kind = "FloatStorage");

/// <summary>Writes pickles as <c>torch.save</c> does (protocol 2), and files around them, for tests.</summary>
internal sealed class PickleBuilder
{
    private readonly List<byte> bytes = [0x80, 2];

    public PickleBuilder Raw(params ReadOnlySpan<byte> more)
    {
        bytes.AddRange(more);
        return this;
    }

    public PickleBuilder Op(string opcodes) => Raw(Encoding.Latin1.GetBytes(opcodes));

    public PickleBuilder Text(string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Op("X").Raw(length).Raw(utf8);
    }

    public PickleBuilder Whole(long value)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, value);
        return Raw(0x8a, 8).Raw(number);
    }

    public PickleBuilder Global(string module, string name) => Op($"c{module}\n{name}\n");

    public byte[] End() => [.. bytes, (byte)'.'];

    /// <summary>A state dict of tensors, as an ordered dictionary with its metadata attribute.</summary>
    public static byte[] StateDict(IReadOnlyList<SavedTensor> tensors, IReadOnlyDictionary<string, long> counts, bool parameters = false)
    {
        var pickle = new PickleBuilder().Global("collections", "OrderedDict").Op(")R(");
        foreach (var tensor in tensors)
        {
            pickle.Text(tensor.Name);
            if (parameters)
                pickle.Global("torch._utils", "_rebuild_parameter").Op("(");
            pickle.Tensor(tensor, counts[tensor.Storage]);
            if (parameters)
                pickle.Op("\x88)tR");
        }

        return pickle.Op("u}").Text("_metadata").Op("}sb").End();
    }

    public PickleBuilder Tensor(SavedTensor tensor, long count)
    {
        Global("torch._utils", "_rebuild_tensor_v2").Op("((").Text("storage").Global("torch", tensor.Kind).Text(tensor.Storage).Text("cpu").Whole(count).Op("tQ").Whole(tensor.Offset);
        Sizes(tensor.Shape).Sizes(tensor.Strides);
        return Op("\x89").Global("collections", "OrderedDict").Op(")RtR");
    }

    /// <summary>The zip form.</summary>
    public static void Archive(string path, byte[] pickle, IReadOnlyDictionary<string, byte[]> storages, bool packed = false, string byteorder = "little")
    {
        using var file = File.Create(path);
        using var zip = new ZipArchive(file, ZipArchiveMode.Create);
        void Add(string name, byte[] content)
        {
            using var stream = zip.CreateEntry("archive/" + name, packed ? CompressionLevel.Fastest : CompressionLevel.NoCompression).Open();
            stream.Write(content);
        }

        Add("data.pkl", pickle);
        Add("byteorder", Encoding.ASCII.GetBytes(byteorder));
        foreach (var (key, content) in storages)
            Add("data/" + key, content);
        Add("version", "3\n"u8.ToArray());
    }

    /// <summary>The form before version 1.6.</summary>
    public static void Row(string path, byte[] pickle, IReadOnlyList<(string Key, long Count, byte[] Content)> storages)
    {
        using var file = File.Create(path);
        file.Write(new PickleBuilder().Raw(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19).End());
        file.Write(new PickleBuilder().Op("M").Raw(0xe9, 0x03).End());
        file.Write(new PickleBuilder().Op("}(").Text("little_endian").Op("\x88").Text("protocol_version").Op("M").Raw(0xe9, 0x03).Op("u").End());
        file.Write(pickle);
        var keys = new PickleBuilder().Op("](");
        foreach (var (key, _, _) in storages)
            keys.Text(key);
        file.Write(keys.Op("e").End());
        foreach (var (_, count, content) in storages)
        {
            file.Write(BitConverter.GetBytes(count));
            file.Write(content);
        }
    }

    /// <summary>A safetensors file in either form: every tensor has a storage of its own.</summary>
    public static void Convert(string safetensors, string path, bool row, Func<string, bool>? wanted = null)
    {
        using var scope = torch.NewDisposeScope();
        using var file = SafetensorsFile.Open(safetensors);
        var entries = file.Header.Entries.Values.Where(e => wanted is null || wanted(e.Name)).ToList();
        var tensors = entries.Select((e, i) => new SavedTensor(e.Name, $"{i}", 0, [.. e.Shape], Contiguous(e.Shape), Kind(e.DType))).ToList();
        var counts = tensors.Zip(entries).ToDictionary(pair => pair.First.Storage, pair => pair.Second.Count);
        var contents = tensors.Zip(entries).ToDictionary(pair => pair.First.Storage, pair => file.Tensor(pair.Second.Name).bytes.ToArray());
        var pickle = StateDict(tensors, counts);
        if (row)
            Row(path, pickle, [.. tensors.Select(t => (t.Storage, counts[t.Storage], contents[t.Storage]))]);
        else
            Archive(path, pickle, contents);
    }

    private PickleBuilder Sizes(long[] sizes)
    {
        Op("(");
        foreach (var size in sizes)
            Whole(size);
        return Op("t");
    }

    private static string Kind(torch.ScalarType dtype) => dtype switch
    {
        torch.ScalarType.BFloat16 => "BFloat16Storage",
        torch.ScalarType.Float16 => "HalfStorage",
        torch.ScalarType.Int64 => "LongStorage",
        _ => "FloatStorage",
    };

    private static long[] Contiguous(IReadOnlyList<long> shape)
    {
        var strides = new long[shape.Count];
        var step = 1L;
        for (var i = shape.Count - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= shape[i];
        }

        return strides;
    }
}
