using TorchSharp;

namespace Peft.Core.Serialization.Gguf;

/// <summary>Turns blocks of a row into float32 numbers.</summary>
/// <param name="blocks">Whole blocks.</param>
/// <param name="values">Takes their numbers.</param>
internal delegate void BlockDecoder(ReadOnlySpan<byte> blocks, Span<float> values);

/// <summary>How a tensor's numbers are stored in a GGUF file. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md</summary>
/// <param name="Id">Number in the file.</param>
/// <param name="Name">ggml's name.</param>
/// <param name="BlockElements">Numbers of a block; rows consist of whole blocks.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
/// <param name="Plain">The tensor type, where the numbers stand as they are; null for blocks.</param>
/// <param name="Decode">Reads blocks; null where the numbers stand as they are.</param>
internal sealed record GgufType(int Id, string Name, int BlockElements, int BlockBytes, torch.ScalarType? Plain, BlockDecoder? Decode)
{
    private static readonly GgufType[] s_known =
    [
        new(0, "F32", 1, 4, torch.ScalarType.Float32, null),
        new(1, "F16", 1, 2, torch.ScalarType.Float16, null),
        new(30, "BF16", 1, 2, torch.ScalarType.BFloat16, null),
        new(28, "F64", 1, 8, torch.ScalarType.Float64, null),
        new(2, "Q4_0", 32, 18, null, GgufBlocks.Q4Symmetric),
        new(3, "Q4_1", 32, 20, null, GgufBlocks.Q4Offset),
        new(6, "Q5_0", 32, 22, null, GgufBlocks.Q5Symmetric),
        new(7, "Q5_1", 32, 24, null, GgufBlocks.Q5Offset),
        new(8, "Q8_0", 32, 34, null, GgufBlocks.Q8),
        new(10, "Q2_K", 256, 84, null, GgufSuperBlocks.Q2),
        new(11, "Q3_K", 256, 110, null, GgufSuperBlocks.Q3),
        new(12, "Q4_K", 256, 144, null, GgufSuperBlocks.Q4),
        new(13, "Q5_K", 256, 176, null, GgufSuperBlocks.Q5),
        new(14, "Q6_K", 256, 210, null, GgufSuperBlocks.Q6),
        new(20, "IQ4_NL", 32, 18, null, GgufBlocks.Iq4),
        new(23, "IQ4_XS", 256, 136, null, GgufSuperBlocks.Iq4),
    ];

    private static readonly Dictionary<int, string> s_others = new()
    {
        [9] = "Q8_1", [15] = "Q8_K", [16] = "IQ2_XXS", [17] = "IQ2_XS", [18] = "IQ3_XXS", [19] = "IQ1_S", [21] = "IQ3_S", [22] = "IQ2_S",
        [24] = "I8", [25] = "I16", [26] = "I32", [27] = "I64", [29] = "IQ1_M", [34] = "TQ1_0", [35] = "TQ2_0", [39] = "MXFP4",
    };

    /// <summary>Every type that can be read.</summary>
    public static IReadOnlyList<GgufType> All => s_known;

    /// <summary>Names of all that can be read, for messages.</summary>
    public static string Known { get; } = string.Join(", ", s_known.Select(type => type.Name));

    /// <summary>The type of a number in a file; null when it cannot be read.</summary>
    public static GgufType? Find(long id) => s_known.FirstOrDefault(type => type.Id == id);

    /// <summary>What a number is called, for messages.</summary>
    public static string NameOf(long id) => id is >= 0 and <= int.MaxValue && s_others.TryGetValue((int)id, out var name) ? name : "unknown";
}
