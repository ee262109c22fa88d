using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Methods;

/// <summary>Typed access to the fields of an <c>adapter_config.json</c>; a value of the wrong kind is an error that names field and value.</summary>
public sealed class PeftJson(JsonObject json)
{
    /// <summary>A text, or null.</summary>
    public string? Text(string field) => Get<string>(field);

    /// <summary>A whole number, or null.</summary>
    public int? Whole(string field) => Get<int?>(field);

    /// <summary>A number, or null.</summary>
    public double? Number(string field) => Get<double?>(field);

    /// <summary>A yes or no, or null.</summary>
    public bool? Flag(string field) => Get<bool?>(field);

    /// <summary>The raw value, or null.</summary>
    public JsonNode? Raw(string field) => json[field];

    /// <summary>A list of texts from a list or a single text; null when absent.</summary>
    public IReadOnlyList<string>? Texts(string field) => json[field] switch
    {
        null => null,
        JsonArray list => [.. list.Select(item => Convert<string>(field, item) ?? "")],
        var one => [Convert<string>(field, one)!],
    };

    /// <summary>A list of whole numbers from a list or a single number; null when absent.</summary>
    public IReadOnlyList<int>? Wholes(string field) => json[field] switch
    {
        null => null,
        JsonArray list => [.. list.Select(item => Convert<int>(field, item))],
        var one => [Convert<int>(field, one)],
    };

    /// <summary>Names with a number each; empty when absent.</summary>
    public IReadOnlyDictionary<string, double> Numbers(string field) => json[field] switch
    {
        null => new Dictionary<string, double>(),
        JsonObject map => map.ToDictionary(pair => pair.Key, pair => Convert<double>(field, pair.Value), StringComparer.Ordinal),
        var other => throw Wrong(field, other, null),
    };

    /// <summary>True when a field is set to something other than null, false, zero or nothing.</summary>
    public bool IsSet(string field) => json[field] switch
    {
        null => false,
        JsonArray list => list.Count > 0,
        JsonObject map => map.Count > 0,
        JsonValue value => value.GetValueKind() is not (JsonValueKind.False or JsonValueKind.Null),
        _ => true,
    };

    private T? Get<T>(string field) => json[field] is { } node ? Convert<T>(field, node) : default;

    private static T? Convert<T>(string field, JsonNode? node)
    {
        try
        {
            // Not GetValue: a number made in memory as an int is no double there, and one read from text is.
            return node is null ? default : node.Deserialize<T>();
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException or JsonException)
        {
            // 16.0 is a fine rank: Python does not care, so neither do we.
            if (typeof(T) == typeof(int) || typeof(T) == typeof(int?))
            {
                if (node is JsonValue value && value.TryGetValue<double>(out var number) && number == Math.Truncate(number))
                    return (T)(object)(int)number;
            }

            throw Wrong(field, node!, error);
        }
    }

    private static PeftException Wrong(string field, JsonNode value, Exception? error) =>
        new($"Field '{field}' has an unusable value: {value.ToJsonString()}.", error ?? new InvalidOperationException());
}
