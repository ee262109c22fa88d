using System.Text;
using TorchSharp;

namespace Peft.Core.Serialization.Gguf;

/// <summary>Writes GGUF files, version 3, with float32 tensors. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md</summary>
internal sealed class GgufWriter
{
    private const int Alignment = 32;
    private const uint FloatType = 6;
    private const uint TextType = 8;
    private const uint Float32Tensor = 0;

    private readonly List<(string Key, Action<BinaryWriter> Write)> values = [];
    private readonly List<(string Name, torch.Tensor Tensor)> tensors = [];

    /// <summary>Adds a text to the metadata.</summary>
    public GgufWriter Set(string key, string value)
    {
        values.Add((key, writer =>
        {
            writer.Write(TextType);
            Text(writer, value);
        }));
        return this;
    }

    /// <summary>Adds a number to the metadata.</summary>
    public GgufWriter Set(string key, float value)
    {
        values.Add((key, writer =>
        {
            writer.Write(FloatType);
            writer.Write(value);
        }));
        return this;
    }

    /// <summary>Adds a tensor, which has to live until <see cref="Write"/>.</summary>
    public GgufWriter Add(string name, torch.Tensor tensor)
    {
        tensors.Add((name, tensor));
        return this;
    }

    /// <summary>Writes the file.</summary>
    public void Write(string path)
    {
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        using var writer = new BinaryWriter(stream, Encoding.UTF8);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)tensors.Count);
        writer.Write((long)values.Count);
        foreach (var (key, write) in values)
        {
            Text(writer, key);
            write(writer);
        }

        var offset = 0L;
        foreach (var (name, tensor) in tensors)
        {
            Text(writer, name);
            var shape = tensor.shape;
            writer.Write(shape.Length);
            foreach (var size in shape.Reverse())
                writer.Write(size);
            writer.Write(Float32Tensor);
            writer.Write(offset);
            offset += Aligned(tensor.numel() * sizeof(float));
        }

        Pad(writer);
        foreach (var (_, tensor) in tensors)
        {
            using var plain = tensor.to(torch.ScalarType.Float32).contiguous();
            writer.Write(plain.bytes);
            Pad(writer);
        }
    }

    private static void Text(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }

    private static long Aligned(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private static void Pad(BinaryWriter writer)
    {
        writer.Flush();
        var length = writer.BaseStream.Position;
        writer.Write(new byte[Aligned(length) - length]);
    }
}
