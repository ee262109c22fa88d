using TorchSharp;

namespace Peft.Core.Tensors;

/// <summary>Element types: their safetensors codes, Hugging Face names and sizes. Needs no native library.</summary>
public static class DTypes
{
    private static readonly (torch.ScalarType Type, string Code, string Name, int Size)[] Known =
    [
        (torch.ScalarType.Float64, "F64", "float64", 8),
        (torch.ScalarType.Int64, "I64", "int64", 8),
        (torch.ScalarType.Float32, "F32", "float32", 4),
        (torch.ScalarType.Int32, "I32", "int32", 4),
        (torch.ScalarType.BFloat16, "BF16", "bfloat16", 2),
        (torch.ScalarType.Float16, "F16", "float16", 2),
        (torch.ScalarType.Int16, "I16", "int16", 2),
        (torch.ScalarType.Int8, "I8", "int8", 1),
        (torch.ScalarType.Byte, "U8", "uint8", 1),
        (torch.ScalarType.Bool, "BOOL", "bool", 1),
    ];

    /// <summary>The safetensors codes that can be read, for messages.</summary>
    public static string KnownCodes { get; } = string.Join(", ", Known.Select(k => k.Code));

    /// <summary>The type of a safetensors code such as <c>BF16</c>; null when unknown.</summary>
    public static torch.ScalarType? FromCode(string? code)
    {
        foreach (var known in Known)
        {
            if (known.Code == code)
                return known.Type;
        }

        return null;
    }

    /// <summary>The safetensors code of a type.</summary>
    public static string Code(torch.ScalarType type) => Entry(type).Code;

    /// <summary>The Hugging Face name of a type, e.g. <c>bfloat16</c>.</summary>
    public static string Name(torch.ScalarType type) => Entry(type).Name;

    /// <summary>Bytes per element.</summary>
    public static int Size(torch.ScalarType type) => Entry(type).Size;

    /// <summary>The floating-point type of a Hugging Face name (<c>float32</c>, <c>bfloat16</c>, <c>float16</c>); null when it is none.</summary>
    public static torch.ScalarType? FloatFromName(string? name) => name switch
    {
        "float32" or "fp32" => torch.ScalarType.Float32,
        "bfloat16" or "bf16" => torch.ScalarType.BFloat16,
        "float16" or "fp16" => torch.ScalarType.Float16,
        _ => null,
    };

    private static (torch.ScalarType Type, string Code, string Name, int Size) Entry(torch.ScalarType type)
    {
        foreach (var known in Known)
        {
            if (known.Type == type)
                return known;
        }

        throw new PeftException($"Tensors of type {type} cannot be stored; possible are {KnownCodes}.");
    }
}
