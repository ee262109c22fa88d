using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import.Formats;

/// <summary>A row cannot be used; the message names the field.</summary>
internal sealed class RowException(string? field, string message) : Exception(message)
{
    public string? Field { get; } = field;
}

/// <summary>Taking fields out of a row, with messages that name what is wrong.</summary>
internal static class RowFields
{
    /// <summary>JSON on one line with readable Chinese.</summary>
    public static JsonSerializerOptions Plain { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A property; null when it is absent, null, or the row is no object.</summary>
    public static JsonElement? Find(JsonElement row, string name) =>
        row.ValueKind == JsonValueKind.Object && row.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Whether a property is there and of a kind.</summary>
    public static bool Has(JsonElement row, string name, JsonValueKind kind) => Find(row, name) is { } value && value.ValueKind == kind;

    /// <summary>Whether a property is there, whatever it says.</summary>
    public static bool Has(JsonElement row, string name) => row.ValueKind == JsonValueKind.Object && row.TryGetProperty(name, out var _);

    /// <summary>The first of some fields that is there, as text; null when none is.</summary>
    /// <exception cref="RowException">It is no text.</exception>
    public static string? Text(JsonElement row, ReadOnlySpan<string> names, string? path = null)
    {
        foreach (var name in names)
        {
            if (Find(row, name) is not { } value)
                continue;
            var field = path is null ? name : $"{path}.{name}";
            return value.ValueKind == JsonValueKind.String ? String(value, field) : throw new RowException(field, $"Field '{field}' must be a text, but is {JsonRows.Kind(value)}.");
        }

        return null;
    }

    /// <summary>A field that must be a text.</summary>
    /// <exception cref="RowException">It is absent or no text.</exception>
    public static string Required(JsonElement row, string name, string? path = null) =>
        Text(row, [name], path) ?? throw new RowException(path is null ? name : $"{path}.{name}", $"Field '{(path is null ? name : $"{path}.{name}")}' is missing{Present(row)}.");

    /// <summary>A field as text, whatever its kind.</summary>
    public static string? Any(JsonElement row, string name) => Find(row, name) is { } value ? Any(value) : null;

    /// <summary>A value as text: a text as it is, everything else as JSON.</summary>
    public static string Any(JsonElement value) => value.ValueKind == JsonValueKind.String ? String(value, "") : JsonSerializer.Serialize(value, Plain);

    /// <summary>A list; empty when it is absent.</summary>
    /// <exception cref="RowException">It is something else.</exception>
    public static JsonElement[] List(JsonElement row, string name) => Find(row, name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray()],
        { } other => throw new RowException(name, $"Field '{name}' must be a list, but is {JsonRows.Kind(other)}."),
    };

    /// <summary>A whole number.</summary>
    /// <exception cref="RowException">It is absent or something else.</exception>
    public static int Whole(JsonElement row, string name, string path) =>
        Find(row, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number)
            ? number
            : throw new RowException($"{path}.{name}", $"Field '{path}.{name}' must be a whole number.");

    /// <summary><c>train</c>, <c>dev</c> or <c>test</c>.</summary>
    /// <exception cref="RowException">The field says something else.</exception>
    public static string? Split(JsonElement row) => Text(row, ["split"]) switch
    {
        null or "" => null,
        var text when text.Equals("train", StringComparison.OrdinalIgnoreCase) => "train",
        var text when text.Equals("dev", StringComparison.OrdinalIgnoreCase) || text.StartsWith("valid", StringComparison.OrdinalIgnoreCase) => "dev",
        var text when text.Equals("test", StringComparison.OrdinalIgnoreCase) => "test",
        var text => throw new RowException("split", $"Field 'split' is '{text}'; use train, dev or test."),
    };

    /// <summary>The fields of a row that a reader did not use; null when there are none.</summary>
    public static JsonObject? Rest(JsonElement row, ReadOnlySpan<string> used)
    {
        JsonObject? rest = null;
        foreach (var property in row.EnumerateObject())
        {
            if (!used.Contains(property.Name) && property.Name is not ("id" or "split"))
                (rest ??= [])[property.Name] = Node(property.Value);
        }

        return rest;
    }

    /// <summary>A copy of a value that outlives its document.</summary>
    public static JsonNode? Node(JsonElement value) => JsonNode.Parse(value.GetRawText());

    /// <summary>What the row has instead, for messages.</summary>
    public static string Present(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Object)
            return "";
        var present = row.EnumerateObject().Select(property => property.Name).Take(12).ToArray();
        return present.Length > 0 ? $" (the row has {string.Join(", ", present)})" : " (the row is empty)";
    }

    private static string String(JsonElement value, string field)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new RowException(field, $"Field '{field}' holds something that is no character: is the file saved as UTF-8?");
        }
    }
}
