using System.Text.Json;

namespace Peft.Core.Data.Tasks;

/// <summary>
/// Reads conversations: <c>{"messages": [{"role", "content"}], "tools"}</c>, or ShareGPT's
/// <c>{"conversations": [{"from", "value"}], "system", "tools"}</c>.
/// </summary>
internal static class ChatReader
{
    private static readonly Dictionary<string, string> s_roles = new(StringComparer.Ordinal)
    {
        ["system"] = "system", ["developer"] = "system", ["user"] = "user", ["human"] = "user", ["assistant"] = "assistant", ["gpt"] = "assistant",
        ["model"] = "assistant", ["bot"] = "assistant", ["tool"] = "tool", ["observation"] = "tool", ["function"] = "tool", ["function_call"] = "assistant",
    };

    /// <summary>Whether a row is a conversation.</summary>
    public static bool IsChat(JsonElement row) => row.TryGetProperty("messages", out _) || row.TryGetProperty("conversations", out _);

    /// <summary>Reads a row; null when something is wrong with it, which is noted.</summary>
    public static ChatRecord? Read(TaskRow row)
    {
        var messages = new List<ChatMessage>();
        if (row.Optional("system") is { Length: > 0 } system)
            messages.Add(new ChatMessage(ChatMessage.System, system));
        foreach (var (item, name) in row.Items(row.Has("messages") ? "messages" : "conversations"))
        {
            if (Message(row, item, name) is { } message)
                messages.Add(message);
        }

        if (row.Usable && !messages.Exists(message => message.Role == ChatMessage.Assistant))
            row.Say(row.Has("messages") ? "messages" : "conversations", "hold no turn of the assistant, so there is nothing to learn.");
        var tools = Tools(row);
        return row.Usable ? new ChatRecord(messages) { Id = row.Optional("id"), Tools = tools } : null;
    }

    private static ChatMessage? Message(TaskRow row, JsonElement item, string name)
    {
        var from = Text(item, "role") ?? Text(item, "from");
        if (from is null || !s_roles.TryGetValue(from, out var role))
        {
            row.Say(name, from is null ? "says no role." : $"has the role '{from}', which is not known; known are {string.Join(", ", s_roles.Keys)}.");
            return null;
        }

        var said = item.TryGetProperty("content", out var content) || item.TryGetProperty("value", out content) ? Said(content) : "";
        var calls = item.TryGetProperty("tool_calls", out var given) && given.ValueKind == JsonValueKind.Array && given.GetArrayLength() > 0 ? RawJsonConverter.Compact(given) : null;
        if (said is null)
        {
            row.Say(name, "holds content that is no text; only text can be learnt.");
            return null;
        }

        if (from == "function_call")
            (calls, said) = (Call(said), "");
        if (said.Length == 0 && calls is null && role == ChatMessage.Assistant)
        {
            row.Say(name, "is empty.");
            return null;
        }

        return new ChatMessage(role, said) { ToolCalls = calls, Name = Text(item, "name"), ToolCallId = Text(item, "tool_call_id") };
    }

    /// <summary>A text, nothing, or parts that are all texts.</summary>
    private static string? Said(JsonElement content) => content.ValueKind switch
    {
        JsonValueKind.String => content.GetString(),
        JsonValueKind.Null => "",
        JsonValueKind.Array when content.EnumerateArray().All(part => Text(part, "type") == "text" && Text(part, "text") is not null) =>
            string.Concat(content.EnumerateArray().Select(part => Text(part, "text"))),
        _ => null,
    };

    /// <summary>ShareGPT writes a call as a text: <c>{"name", "arguments"}</c>, or a list of those.</summary>
    private static string Call(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            var calls = root.ValueKind == JsonValueKind.Array ? root.EnumerateArray().ToArray() : [root];
            return "[" + string.Join(',', calls.Select(call => "{\"type\":\"function\",\"function\":" + RawJsonConverter.Compact(call) + "}")) + "]";
        }
        catch (JsonException)
        {
            return JsonSerializer.Serialize(text); // some call tools in a language of their own; it is learnt as it stands
        }
    }

    private static string? Tools(TaskRow row)
    {
        if (row.Element("tools") is not { } tools || tools.ValueKind == JsonValueKind.Null)
            return null;
        if (tools.ValueKind == JsonValueKind.Array)
            return tools.GetArrayLength() == 0 ? null : RawJsonConverter.Compact(tools);
        if (tools.ValueKind == JsonValueKind.String)
        {
            if (string.IsNullOrWhiteSpace(tools.GetString()))
                return null;
            try
            {
                using var document = JsonDocument.Parse(tools.GetString()!);
                if (document.RootElement.ValueKind == JsonValueKind.Array)
                    return document.RootElement.GetArrayLength() == 0 ? null : RawJsonConverter.Compact(document.RootElement);
            }
            catch (JsonException)
            {
                // Said below, as for every other value that is no list.
            }
        }

        row.Say("tools", "must be a list of tools, or a text that holds one.");
        return null;
    }

    private static string? Text(JsonElement item, string field) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
