using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Peft.Core.Recipes;

/// <summary>JSON as YAML and back, by the core schema: what is not quoted is a number, true, false or null where it looks like one.</summary>
public static partial class YamlText
{
    private const int MostNodes = 20_000;
    private const int Deepest = 32;
    private const int MostBrackets = 2_000;

    /// <summary>Writes an object.</summary>
    public static string Write(JsonObject json)
    {
        ArgumentNullException.ThrowIfNull(json);
        using var writer = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        new YamlStream(new YamlDocument(Node(json))).Save(writer, assignAnchors: false);
        var text = writer.ToString();
        return text.EndsWith("...\n", StringComparison.Ordinal) ? text[..^4] : text;
    }

    /// <summary>Reads an object.</summary>
    /// <param name="text">The text.</param>
    /// <param name="name">Its name for messages.</param>
    /// <exception cref="PeftException">No YAML, or something else than an object; line and column are named.</exception>
    public static JsonObject Read(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Count(c => c is '[' or '{') > MostBrackets)
            throw new PeftException($"{name}: more lists and objects than a recipe has.");
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new PeftException(string.Create(CultureInfo.InvariantCulture, $"{name}: line {e.Start.Line}, column {e.Start.Column}: {e.Message}"), e);
        }

        var nodes = 0;
        return stream.Documents.Count > 0 && Json(stream.Documents[0].RootNode, name, 0, ref nodes) is JsonObject json
            ? json
            : throw new PeftException($"{name}: expected fields of the form 'name: value', for example 'base_model: models/my-base'.");
    }

    private static YamlNode Node(JsonNode? json) => json switch
    {
        JsonObject map => new YamlMappingNode(map.Select(pair => KeyValuePair.Create<YamlNode, YamlNode>(new YamlScalarNode(pair.Key), Node(pair.Value)))),
        JsonArray list => new YamlSequenceNode(list.Select(Node)) { Style = list.All(item => item is JsonValue) ? YamlDotNet.Core.Events.SequenceStyle.Flow : YamlDotNet.Core.Events.SequenceStyle.Block },
        null => new YamlScalarNode("null"),
        JsonValue value when value.TryGetValue<string>(out var text) => new YamlScalarNode(text) { Style = Value(text) is { } plain && plain.TryGetValue<string>(out _) ? ScalarStyle.Any : ScalarStyle.DoubleQuoted },
        _ => new YamlScalarNode(Number(json.ToJsonString())),
    };

    /// <summary>1E-05 is a text to readers of YAML 1.1; 1.0E-05 is a number to all.</summary>
    private static string Number(string json) => json.Contains('E', StringComparison.Ordinal) && !json.Contains('.', StringComparison.Ordinal) ? json.Replace("E", ".0E", StringComparison.Ordinal) : json;

    private static JsonNode? Json(YamlNode node, string name, int depth, ref int nodes)
    {
        // A node that is named once and meant many times would otherwise grow without end.
        if (++nodes > MostNodes || depth > Deepest)
            throw new PeftException($"{name}: more values, or values deeper in each other, than a recipe has.");
        switch (node)
        {
            case YamlMappingNode map:
                var json = new JsonObject();
                foreach (var (key, value) in map.Children)
                    json[(key as YamlScalarNode)?.Value ?? throw new PeftException($"{name}: '{key}' is no name of a field.")] = Json(value, name, depth + 1, ref nodes);
                return json;
            case YamlSequenceNode list:
                var array = new JsonArray();
                foreach (var item in list.Children)
                    array.Add(Json(item, name, depth + 1, ref nodes));
                return array;
            case YamlScalarNode scalar:
                return scalar.Style is ScalarStyle.Plain or ScalarStyle.Any ? Value(scalar.Value ?? "") : JsonValue.Create(scalar.Value);
            default:
                throw new PeftException($"{name}: '{node}' is no value that a recipe can have.");
        }
    }

    private static JsonValue? Value(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => JsonValue.Create(true),
        "false" or "False" or "FALSE" => JsonValue.Create(false),
        _ when Whole().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
        _ when Fraction().IsMatch(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => JsonValue.Create(number),
        _ => JsonValue.Create(text),
    };

    [GeneratedRegex(@"^[-+]?[0-9]+$")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex Fraction();
}
