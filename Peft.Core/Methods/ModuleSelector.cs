using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Peft.Core.Methods;

/// <summary>
/// Chooses modules as PEFT's <c>target_modules</c> does: a text is a regular expression that must match the whole module path, a list
/// holds paths or their endings at a dot.
/// </summary>
public sealed record ModuleSelector
{
    private ModuleSelector(string? pattern, IReadOnlyList<string>? names)
    {
        Pattern = pattern;
        Names = names;
    }

    /// <summary>The expression, when it is one.</summary>
    public string? Pattern { get; }

    /// <summary>The names, when it is a list.</summary>
    public IReadOnlyList<string>? Names { get; }

    /// <summary>True for the shorthand <c>all-linear</c>.</summary>
    public bool IsAllLinear => string.Equals(Pattern, "all-linear", StringComparison.OrdinalIgnoreCase);

    /// <summary>A selector by regular expression, or the shorthand <c>all-linear</c>.</summary>
    public static ModuleSelector FromPattern(string pattern) => new(pattern, null);

    /// <summary>A selector by names.</summary>
    public static ModuleSelector FromNames(IEnumerable<string> names) => new(null, [.. names]);

    /// <summary>Reads a JSON text or list; null stays null.</summary>
    public static ModuleSelector? FromJson(PeftJson json, string field)
    {
        ArgumentNullException.ThrowIfNull(json);
        return json.Raw(field) is JsonArray ? FromNames(json.Texts(field)!)
            : json.Text(field) is { } pattern ? FromPattern(pattern)
            : null;
    }

    /// <summary>As JSON: the text or the list.</summary>
    public JsonNode ToJson() => Names is null ? JsonValue.Create(Pattern!) : new JsonArray([.. Names.Select(n => (JsonNode)JsonValue.Create(n))]);

    /// <summary>Why the expression cannot be used, or null.</summary>
    public string? Defect()
    {
        if (Pattern is null || IsAllLinear)
            return null;
        try
        {
            _ = new Regex(Pattern, RegexOptions.None, TimeSpan.FromSeconds(1));
            return null;
        }
        catch (ArgumentException error)
        {
            return error.Message;
        }
    }

    /// <summary>Whether a module path is chosen. The shorthand <c>all-linear</c> has to be resolved before.</summary>
    public bool Matches(string path) => Names is null
        ? Regex.IsMatch(path, $"^(?:{Pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1))
        : Names.Any(name => MatchesName(path, name));

    /// <summary>Whether one name of a list chooses a module path: it equals it or is its ending at a dot.</summary>
    public static bool MatchesName(string path, string name)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path == name || path.EndsWith("." + name, StringComparison.Ordinal);
    }
}
