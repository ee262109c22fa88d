using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Tensors;
using static TorchSharp.torch;

namespace Peft.Core.Quantization;

/// <summary>What bitsandbytes stores about a 4-bit matrix beside its numbers, as JSON in a uint8 tensor.</summary>
public sealed record QuantizedState
{
    /// <summary>What the name of that tensor has behind the weight's name, in front of the type.</summary>
    public const string Suffix = "quant_state.bitsandbytes__";

    /// <summary><c>nf4</c> or <c>fp4</c>.</summary>
    public required string QuantType { get; init; }

    /// <summary>Numbers that share a scale.</summary>
    public required int BlockSize { get; init; }

    /// <summary>Element type that the weight had.</summary>
    public required ScalarType DType { get; init; }

    /// <summary>Shape of the matrix, [out, in].</summary>
    public required IReadOnlyList<long> Shape { get; init; }

    /// <summary>Scales that share a scale; null without double quantisation.</summary>
    public int? NestedBlockSize { get; init; }

    /// <summary>Mean of the scales, taken off before they were quantised; null without double quantisation.</summary>
    public double? NestedOffset { get; init; }

    /// <summary>Reads the JSON.</summary>
    /// <param name="bytes">UTF-8.</param>
    /// <param name="where">File and tensor, for messages.</param>
    /// <exception cref="PeftException">No JSON, missing fields, or a type that is not known.</exception>
    public static QuantizedState Read(ReadOnlySpan<byte> bytes, string where)
    {
        try
        {
            var json = JsonNode.Parse(bytes)!;
            var state = new QuantizedState
            {
                QuantType = FourBitCode.Find((string)json["quant_type"]!).Name,
                BlockSize = (int)json["blocksize"]!,
                DType = DTypes.FloatFromName((string)json["dtype"]!) ?? throw new PeftException($"element type {json["dtype"]}"),
                Shape = [.. json["shape"]!.AsArray().Select(size => (long)size!)],
                NestedBlockSize = (int?)json["nested_blocksize"],
                NestedOffset = (double?)json["nested_offset"],
            };
            return state.Shape.Count == 2 && state.BlockSize > 0 && state.BlockSize % 2 == 0
                ? state
                : throw new PeftException($"a shape of {state.Shape.Count} sizes in blocks of {state.BlockSize}");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or ArgumentNullException or NullReferenceException or PeftException)
        {
            throw new PeftException($"{where}: no usable 4-bit state: {error.Message}", error);
        }
    }

    /// <summary>The JSON as bitsandbytes writes it.</summary>
    public string ToJson()
    {
        var json = new JsonObject
        {
            ["quant_type"] = QuantType,
            ["blocksize"] = BlockSize,
            ["dtype"] = DTypes.Name(DType),
            ["shape"] = new JsonArray([.. Shape.Select(size => (JsonNode)size)]),
        };
        if (NestedBlockSize is { } nested)
        {
            json["nested_blocksize"] = nested;
            json["nested_dtype"] = "float32";
            json["nested_offset"] = NestedOffset;
        }

        return json.ToJsonString();
    }

    internal Tensor ToTensor() => tensor(Encoding.UTF8.GetBytes(ToJson()));
}
