using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Files;

/// <summary>The tokens with a role that tokenizer_config.json and special_tokens_map.json name.</summary>
internal static class SpecialTokens
{
    /// <summary>Names of the roles.</summary>
    public static IReadOnlyList<string> Roles { get; } = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>Text of a token, which files write as text or as an object with flags; null when there is none.</summary>
    public static string? Text(JsonNode? node) => node switch
    {
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        JsonObject token => token["content"] is JsonValue content && content.TryGetValue<string>(out var text) ? text : null,
        _ => null,
    };

    /// <summary>All tokens with a role and the additional ones, in the order in which Hugging Face adds them.</summary>
    public static IEnumerable<JsonNode> All(JsonObject config)
    {
        foreach (var role in Roles)
        {
            if (config[role] is { } token && Text(token) is not null)
                yield return token;
        }

        foreach (var token in config["additional_special_tokens"] as JsonArray ?? [])
        {
            if (token is not null && Text(token) is not null)
                yield return token;
        }

        foreach (var (_, token) in config["extra_special_tokens"] as JsonObject ?? [])
        {
            if (token is not null && Text(token) is not null)
                yield return token;
        }
    }

    /// <summary>An entry of <c>added_tokens</c> as tokenizer.json has it.</summary>
    public static JsonObject Entry(int id, string text, bool special, JsonNode? flags = null)
    {
        bool Flag(string name, bool absent) => flags is JsonObject given && given[name] is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : absent;
        return new JsonObject
        {
            ["id"] = id,
            ["content"] = text,
            ["single_word"] = Flag("single_word", false),
            ["lstrip"] = Flag("lstrip", false),
            ["rstrip"] = Flag("rstrip", false),
            ["normalized"] = Flag("normalized", !special),
            ["special"] = special,
        };
    }
}
