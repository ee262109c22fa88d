using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace Peft.Core.Serialization.Gguf;

/// <summary>
/// The tensors of a GGUF file under their Hugging Face names, as Hugging Face stores them: blocks become float32 numbers, Llama's queries and
/// keys get the order of their rows back, Gemma's norms lose the 1 that the converter added. What stands in the file as it is needed is
/// mapped. Not thread-safe.
/// </summary>
internal sealed partial class GgufWeights : IWeightFile
{
    private static readonly Dictionary<string, string> s_layer = new(StringComparer.Ordinal)
    {
        ["attn_norm"] = "input_layernorm",
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_output"] = "self_attn.o_proj",
        ["attn_q_norm"] = "self_attn.q_norm",
        ["attn_k_norm"] = "self_attn.k_norm",
        ["attn_qkv"] = "self_attn.qkv_proj",
        ["ffn_norm"] = "post_attention_layernorm",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
    };

    private readonly GgufHeader header;
    private readonly MappedFile mapped;
    private readonly string architecture;
    private readonly int heads;
    private readonly int keyValueHeads;
    private readonly Dictionary<string, GgufTensor> tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StoredTensor> stored = new(StringComparer.Ordinal);

    private GgufWeights(GgufHeader header)
    {
        this.header = header;
        mapped = new MappedFile(header.Path);
        architecture = GgufArchitecture.NameOf(header);
        (heads, keyValueHeads) = GgufArchitecture.HeadsOf(header);
        foreach (var tensor in header.Tensors.Values)
        {
            if (HuggingFaceName(tensor.Name) is not { } name)
                continue;
            tensors[name] = tensor;
            stored[name] = new StoredTensor(name, tensor.Type.Plain ?? ScalarType.Float32, tensor.Shape, tensor.Bytes, tensor.Type.Name);
            if (IsPermuted(name, out var groups) && (groups < 1 || tensor.Shape[0] % (2 * groups) != 0))
                throw new PeftException($"{header.Path}: tensor '{tensor.Name}' has {tensor.Shape[0]} rows, which cannot be those of {groups} heads.");
        }
    }

    /// <inheritdoc />
    public string Path => header.Path;

    /// <inheritdoc />
    public IReadOnlyDictionary<string, StoredTensor> Stored => stored;

    /// <summary>Opens a file.</summary>
    /// <exception cref="PeftException">Missing, damaged, or of an architecture that cannot be read.</exception>
    public static GgufWeights Open(string path) => new(GgufHeader.Read(path));

    /// <inheritdoc />
    public Tensor Tensor(string name)
    {
        if (!tensors.TryGetValue(name, out var found))
            throw new PeftException($"{Path}: tensor '{name}' is missing.");
        using var scope = NewDisposeScope();
        using var gradOff = no_grad();
        var values = Values(mapped, found);
        if (architecture == "gemma3" && name.EndsWith("norm.weight", StringComparison.Ordinal))
            values = values.to(ScalarType.Float32) - 1;
        if (IsPermuted(name, out var groups))
        {
            // The converter interleaves the halves of every head, so that neighbouring rows turn together.
            var shape = values.shape;
            values = values.reshape([groups, shape[0] / groups / 2, 2, -1]).transpose(1, 2).reshape(shape);
        }

        return values.MoveToOuterDisposeScope();
    }

    /// <inheritdoc />
    public void Dispose() => mapped.Dispose();

    /// <summary>llama.cpp's name of a linear layer's weight, e.g. <c>blk.0.attn_q.weight</c>; null where it has none.</summary>
    internal static string? FileName(string architecture, string path)
    {
        if (path == "lm_head")
            return "output.weight";
        var match = LayerModule().Match(path);
        if (!match.Success)
            return null;
        var module = match.Groups["module"].Value;
        var part = architecture == "phi3" && module == "mlp.gate_up_proj" ? "ffn_up"
            : s_layer.FirstOrDefault(pair => pair.Value == module && !module.EndsWith("norm", StringComparison.Ordinal)).Key;
        return part is null ? null : $"blk.{match.Groups["layer"].Value}.{part}.weight";
    }

    /// <summary>Rows as they stand in a file: Llama's queries and keys with the halves of every head interleaved; see <see cref="Tensor"/>.</summary>
    internal static Tensor Interleaved(string architecture, string path, Tensor rows, int heads, int keyValueHeads)
    {
        var isKey = path.EndsWith(".self_attn.k_proj", StringComparison.Ordinal);
        if (architecture != "llama" || !(isKey || path.EndsWith(".self_attn.q_proj", StringComparison.Ordinal)))
            return rows;
        var groups = isKey ? keyValueHeads : heads;
        var shape = rows.shape;
        return rows.reshape([groups, 2, shape[0] / groups / 2, -1]).transpose(1, 2).reshape(shape).contiguous();
    }

    /// <summary>The numbers of a tensor as they stand in a file: mapped, or float32 where they are blocks. The caller disposes it.</summary>
    internal static Tensor Values(MappedFile file, GgufTensor tensor)
    {
        var shape = tensor.Shape.ToArray();
        if (tensor.Count == 0)
            return zeros(shape, tensor.Type.Plain ?? ScalarType.Float32);
        if (tensor.Type.Plain is { } plain)
        {
            using var flat = file.View(plain, tensor.Position, tensor.Count);
            return flat.view(shape);
        }

        var result = empty([tensor.Count], ScalarType.Float32);
        using var blocks = file.View(ScalarType.Byte, tensor.Position, tensor.Bytes);
        Decode(blocks, result, tensor.Type);
        using (result)
            return result.view(shape);
    }

    /// <summary>Slices of at most 2²⁰ numbers, side by side: spans cannot cover more than 2 GiB, and one core would take its time.</summary>
    private static void Decode(Tensor blocks, Tensor values, GgufType type)
    {
        var total = values.numel();
        var slice = (1 << 20) / type.BlockElements * type.BlockElements;
        var slices = (int)((total + slice - 1) / slice);
        unsafe
        {
            var (from, to) = ((nint)Address(blocks), (nint)Address(values));
            Parallel.For(0, slices, i =>
            {
                var start = (long)i * slice;
                var count = (int)Math.Min(slice, total - start);
                var bytes = count / type.BlockElements * type.BlockBytes;
                type.Decode!(
                    new ReadOnlySpan<byte>((byte*)from + (start / type.BlockElements * type.BlockBytes), bytes),
                    new Span<float>((float*)to + start, count));
            });
        }
    }

    private static unsafe void* Address(Tensor tensor)
    {
        using var first = tensor.narrow(0, 0, 1);
        fixed (byte* pointer = first.bytes)
            return pointer; // memory of the tensor library, which does not move
    }

    /// <summary>Rows of Llama's queries and keys are interleaved per head; the other architectures keep them.</summary>
    private bool IsPermuted(string name, out int groups)
    {
        groups = name.Contains(".self_attn.q_proj.", StringComparison.Ordinal) ? heads : keyValueHeads;
        return architecture == "llama" && (name.Contains(".self_attn.q_proj.", StringComparison.Ordinal) || name.Contains(".self_attn.k_proj.", StringComparison.Ordinal));
    }

    private string? HuggingFaceName(string name)
    {
        switch (name)
        {
            case "token_embd.weight":
                return "model.embed_tokens.weight";
            case "output_norm.weight":
                return "model.norm.weight";
            case "output.weight":
                return "lm_head.weight";
        }

        var match = LayerTensor().Match(name);
        if (!match.Success)
            return null;
        var part = match.Groups["part"].Value;
        var module = (architecture, part) switch
        {
            ("gemma3", "ffn_norm") => "pre_feedforward_layernorm",
            ("gemma3", "post_attention_norm") => "post_attention_layernorm",
            ("gemma3", "post_ffw_norm") => "post_feedforward_layernorm",
            ("phi3", "ffn_up") => "mlp.gate_up_proj",
            _ => s_layer.GetValueOrDefault(part),
        };
        return module is null ? null : $"model.layers.{match.Groups["layer"].Value}.{module}.{match.Groups["kind"].Value}";
    }

    [GeneratedRegex(@"^blk\.(?<layer>[0-9]{1,5})\.(?<part>[a-z_]+)\.(?<kind>weight|bias)$", RegexOptions.CultureInvariant)]
    private static partial Regex LayerTensor();

    [GeneratedRegex(@"^model\.layers\.(?<layer>[0-9]{1,5})\.(?<module>[a-z_.]+)$", RegexOptions.CultureInvariant)]
    private static partial Regex LayerModule();
}
