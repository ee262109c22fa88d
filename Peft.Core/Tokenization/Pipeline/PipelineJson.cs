using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>Reads the steps of a <c>tokenizer.json</c>; what is unusable is an error that names file, step and field.</summary>
internal sealed class PipelineJson(string path)
{
    /// <summary>The <c>type</c> of a step.</summary>
    public string Type(JsonNode? node) => Text(node, "type") ?? throw new PeftException($"{path}: a step of the pipeline has no type: {node?.ToJsonString() ?? "null"}.");

    /// <summary>A text, or null when absent.</summary>
    public string? Text(JsonNode? node, string field) => Value<string>(node, field);

    /// <summary>A yes or no.</summary>
    public bool Flag(JsonNode? node, string field, bool absent) => Value<bool?>(node, field) ?? absent;

    /// <summary>A whole number.</summary>
    public int? Whole(JsonNode? node, string field) => Value<int?>(node, field);

    /// <summary>The steps of a list.</summary>
    public JsonArray List(JsonNode? node, string field) => Member(node, field) switch
    {
        JsonArray many => many,
        null => [],
        _ => throw new PeftException($"{path}: field '{field}' should be a list."),
    };

    /// <summary>The <c>pattern</c> of a step as an expression: a text stands for itself.</summary>
    public Regex Pattern(JsonNode node)
    {
        var given = Member(node, "pattern");
        var source = given is JsonValue plain && plain.TryGetValue<string>(out var text) ? Regex.Escape(text)
            : Text(given, "Regex") ?? Regex.Escape(Text(given, "String") ?? "");
        try
        {
            return new Regex(RustPattern.Translate(source), RegexOptions.CultureInvariant | RegexOptions.Compiled);
        }
        catch (RegexParseException error)
        {
            throw new PeftException($"{path}: field 'pattern' is no expression that .NET can read: {error.Message}", error);
        }
    }

    /// <summary>A step of an unknown type.</summary>
    public PeftException Unknown(string step, string type, string known) => new($"{path}: {step} of type '{type}' is not supported; supported are {known}.");

    /// <summary>Something else that cannot be used.</summary>
    public PeftException Unusable(string what) => new($"{path}: {what}");

    private static JsonNode? Member(JsonNode? node, string field) => node is JsonObject ? node[field] : null;

    private T? Value<T>(JsonNode? node, string field)
    {
        try
        {
            return Member(node, field) is { } found ? found.GetValue<T>() : default;
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException)
        {
            throw new PeftException($"{path}: field '{field}' has an unusable value: {Member(node, field)!.ToJsonString()}.", error);
        }
    }
}
