using System.Text;
using System.Text.Json.Nodes;
using Peft.Core.Serialization;
using TorchSharp;

namespace Peft.Core.Tests.Serialization;

/// <summary>Writes GGUF files as llama.cpp's converter does, for tests: metadata, tensors, and a Hugging Face folder converted to them.</summary>
internal sealed class GgufBuilder
{
    private readonly List<(string Key, Action<BinaryWriter> Write)> values = [];
    private readonly List<(string Name, uint Type, long[] Shape, byte[] Data)> tensors = [];

    public uint Version { get; set; } = 3;

    public GgufBuilder Set(string key, string value) => Put(key, 8, writer => Text(writer, value));

    public GgufBuilder Set(string key, int value) => Put(key, 4, writer => writer.Write((uint)value));

    public GgufBuilder Set(string key, float value) => Put(key, 6, writer => writer.Write(value));

    public GgufBuilder Set(string key, bool value) => Put(key, 7, writer => writer.Write(value));

    public GgufBuilder Set(string key, IReadOnlyList<string> value) => List(key, 8, value.Count, writer =>
    {
        foreach (var text in value)
            Text(writer, text);
    });

    public GgufBuilder Set(string key, IReadOnlyList<float> value) => List(key, 6, value.Count, writer =>
    {
        foreach (var number in value)
            writer.Write(number);
    });

    public GgufBuilder Set(string key, IReadOnlyList<int> value) => List(key, 5, value.Count, writer =>
    {
        foreach (var number in value)
            writer.Write(number);
    });

    /// <summary>Adds a tensor; sizes outermost first.</summary>
    public GgufBuilder Add(string name, uint type, long[] shape, byte[] data)
    {
        tensors.Add((name, type, shape, data));
        return this;
    }

    /// <summary>Adds a float32 tensor.</summary>
    public GgufBuilder Add(string name, torch.Tensor tensor)
    {
        using var plain = tensor.to(torch.ScalarType.Float32).contiguous();
        return Add(name, 0, plain.shape, plain.bytes.ToArray());
    }

    public byte[] Build()
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((long)tensors.Count);
        writer.Write((long)values.Count);
        foreach (var (key, write) in values)
        {
            Text(writer, key);
            write(writer);
        }

        var offset = 0L;
        foreach (var (name, type, shape, data) in tensors)
        {
            Text(writer, name);
            writer.Write(shape.Length);
            foreach (var size in shape.Reverse())
                writer.Write(size);
            writer.Write(type);
            writer.Write(offset);
            offset += Aligned(data.Length);
        }

        Pad(writer);
        foreach (var (_, _, _, data) in tensors)
        {
            writer.Write(data);
            Pad(writer);
        }

        writer.Flush();
        return memory.ToArray();
    }

    /// <summary>A decoder of a Hugging Face folder as the converter writes it, in float32.</summary>
    public static GgufBuilder Convert(string folder, string architecture)
    {
        using var scope = torch.NewDisposeScope();
        using var gradOff = torch.no_grad();
        var config = JsonNode.Parse(System.IO.File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();
        int Whole(string field, int absent) => config[field]?.GetValue<int>() ?? absent;
        var (width, heads) = (Whole("hidden_size", 0), Whole("num_attention_heads", 0));
        var keys = Whole("num_key_value_heads", heads);
        var head = Whole("head_dim", width / heads);
        var gguf = new GgufBuilder()
            .Set("general.architecture", architecture)
            .Set(architecture + ".context_length", Whole("max_position_embeddings", 2048))
            .Set(architecture + ".embedding_length", width)
            .Set(architecture + ".block_count", Whole("num_hidden_layers", 0))
            .Set(architecture + ".feed_forward_length", Whole("intermediate_size", 0))
            .Set(architecture + ".attention.head_count", heads)
            .Set(architecture + ".attention.head_count_kv", keys)
            .Set(architecture + ".attention.key_length", head)
            .Set(architecture + ".attention.value_length", head)
            .Set(architecture + ".attention.layer_norm_rms_epsilon", config["rms_norm_eps"]?.GetValue<float>() ?? 1e-6f)
            .Set(architecture + ".rope.freq_base", config["rope_theta"]?.GetValue<float>() ?? 10000)
            .Set(architecture + ".rope.dimension_count", head);
        if (Whole("sliding_window", 0) is > 0 and var window)
            gguf.Set(architecture + ".attention.sliding_window", window);
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        foreach (var name in file.Names)
        {
            var tensor = file.Tensor(name);
            if (architecture == "llama" && (name.Contains("q_proj", StringComparison.Ordinal) || name.Contains("k_proj", StringComparison.Ordinal)))
                tensor = Interleaved(tensor, name.Contains("q_proj", StringComparison.Ordinal) ? heads : keys);
            if (architecture == "gemma3" && name.EndsWith("norm.weight", StringComparison.Ordinal))
                tensor = tensor + 1;
            gguf.Add(Name(name, architecture), tensor);
        }

        return gguf;
    }

    private static torch.Tensor Interleaved(torch.Tensor tensor, int heads)
    {
        var shape = tensor.shape;
        return tensor.reshape([heads, 2, shape[0] / heads / 2, -1]).transpose(1, 2).reshape(shape);
    }

    private static string Name(string name, string architecture)
    {
        var renamed = name
            .Replace("model.embed_tokens", "token_embd", StringComparison.Ordinal)
            .Replace("model.norm", "output_norm", StringComparison.Ordinal)
            .Replace("lm_head", "output", StringComparison.Ordinal)
            .Replace("model.layers.", "blk.", StringComparison.Ordinal)
            .Replace("input_layernorm", "attn_norm", StringComparison.Ordinal)
            .Replace("pre_feedforward_layernorm", "ffn_norm", StringComparison.Ordinal)
            .Replace("post_feedforward_layernorm", "post_ffw_norm", StringComparison.Ordinal)
            .Replace("post_attention_layernorm", architecture == "gemma3" ? "post_attention_norm" : "ffn_norm", StringComparison.Ordinal)
            .Replace("mlp.gate_up_proj", "ffn_up", StringComparison.Ordinal);
        foreach (var (from, to) in new[]
        {
            ("self_attn.qkv_proj", "attn_qkv"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
            ("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
        })
            renamed = renamed.Replace(from, to, StringComparison.Ordinal);
        return renamed;
    }

    private GgufBuilder List(string key, uint type, int count, Action<BinaryWriter> write) => Put(key, 9, writer =>
    {
        writer.Write(type);
        writer.Write((long)count);
        write(writer);
    });

    private GgufBuilder Put(string key, uint type, Action<BinaryWriter> write)
    {
        values.RemoveAll(value => value.Key == key);
        values.Add((key, writer =>
        {
            writer.Write(type);
            write(writer);
        }));
        return this;
    }

    private static void Text(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }

    private static long Aligned(long length) => (length + 31) / 32 * 32;

    private static void Pad(BinaryWriter writer)
    {
        writer.Flush();
        var length = writer.BaseStream.Length;
        writer.Write(new byte[Aligned(length) - length]);
    }
}
