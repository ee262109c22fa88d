using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Peft.Core.Tokenization.Files;

namespace Peft.Core.Chat;

/// <summary>The template of a base: its own or a built-in one, compiled once.</summary>
public static class ChatTemplates
{
    private const int Remembered = 256;

    private static readonly ConcurrentDictionary<string, ChatTemplate> s_compiled = new(StringComparer.Ordinal);
    private static readonly Lazy<IReadOnlyDictionary<string, BuiltInTemplate>> s_builtIn = new(BuiltInTemplate.ReadAll);

    /// <summary>The built-in templates by name.</summary>
    public static IReadOnlyDictionary<string, BuiltInTemplate> BuiltIn => s_builtIn.Value;

    /// <summary>The template that a tokenizer_config.json holds; null when it has none.</summary>
    /// <param name="config">The config: <c>chat_template</c> is a text, or a list of templates with names.</param>
    /// <param name="name">Which of several; null for <c>tool_use</c> when there are tools, else <c>default</c>.</param>
    /// <param name="hasTools">Whether the conversation has tools.</param>
    /// <exception cref="PeftException">It cannot be read, or there is none of this name.</exception>
    public static ChatTemplate? Of(JsonObject config, string? name = null, bool hasTools = false)
    {
        ArgumentNullException.ThrowIfNull(config);
        var source = Source(config["chat_template"], name, hasTools);
        return source is null ? null : Compile(source);
    }

    /// <summary>Compiles a template, or takes the one that was compiled from the same text before.</summary>
    /// <exception cref="PeftException">It cannot be read.</exception>
    public static ChatTemplate Compile(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (s_compiled.TryGetValue(source, out var known))
            return known;
        var template = ChatTemplate.Parse(source);
        if (s_compiled.Count < Remembered)
            s_compiled.TryAdd(source, template);
        return template;
    }

    /// <summary>Texts of the special tokens that a template may use.</summary>
    public static IReadOnlyDictionary<string, JsonNode?> Special(JsonObject config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var tokens = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
        foreach (var role in SpecialTokens.Roles)
        {
            if (SpecialTokens.Text(config[role]) is { } text)
                tokens[role] = text;
        }

        if (config["additional_special_tokens"] is JsonArray { Count: > 0 } more)
            tokens["additional_special_tokens"] = new JsonArray([.. more.Select(token => (JsonNode?)SpecialTokens.Text(token))]);
        return tokens;
    }

    private static string? Source(JsonNode? node, string? name, bool hasTools)
    {
        if (node is JsonValue value && value.TryGetValue<string>(out var text))
            return text;
        var named = (node as JsonArray ?? []).OfType<JsonObject>().Where(entry => entry["name"] is JsonValue && entry["template"] is JsonValue)
            .ToDictionary(entry => entry["name"]!.GetValue<string>(), entry => entry["template"]!.GetValue<string>(), StringComparer.Ordinal);
        foreach (var (key, template) in node as JsonObject ?? [])
        {
            if (template is JsonValue plain && plain.TryGetValue<string>(out var found))
                named[key] = found;
        }

        if (named.Count == 0)
            return null;
        var wanted = name ?? (hasTools && named.ContainsKey("tool_use") ? "tool_use" : "default");
        return named.TryGetValue(wanted, out var chosen) ? chosen
            : throw new PeftException($"The base's chat_template has no template '{wanted}'; it has {string.Join(", ", named.Keys)}.");
    }
}
