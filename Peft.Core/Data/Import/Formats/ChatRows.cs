using System.Text.Json;
using System.Text.Json.Nodes;

namespace Peft.Core.Data.Import.Formats;

/// <summary>Conversations: ShareGPT (<c>conversations</c> of <c>from</c>/<c>value</c>) and OpenAI (<c>messages</c> of <c>role</c>/<c>content</c>).</summary>
/// <param name="list">Name of the list of turns.</param>
internal sealed class ChatRows(string list) : RowReader
{
    private static readonly Dictionary<string, string> s_roles = new(StringComparer.OrdinalIgnoreCase)
    {
        ["human"] = "user", ["user"] = "user", ["gpt"] = "assistant", ["assistant"] = "assistant", ["bot"] = "assistant", ["chatgpt"] = "assistant",
        ["system"] = "system", ["developer"] = "system", ["function_call"] = "tool_call", ["tool_call"] = "tool_call", ["observation"] = "tool", ["tool"] = "tool", ["function"] = "tool",
    };

    public override IEnumerable<Reading> Read(JsonElement row)
    {
        var notes = new List<ImportNote>();
        var messages = new List<JsonObject>();
        if (RowFields.Text(row, ["system"]) is { Length: > 0 } system)
            messages.Add(new JsonObject { ["role"] = "system", ["content"] = system });
        var turns = RowFields.List(row, list);
        for (var i = 0; i < turns.Length; i++)
            messages.Add(Turn(turns[i], $"{list}[{i}]", notes));
        Check(messages, list);
        if (messages[^1]["role"]!.GetValue<string>() is not "assistant")
            notes.Add(ImportNote.Told("ends-without-answer", "The conversation goes on behind its last answer; what follows teaches nothing.", list));
        yield return Reading.Of(
            new ImportedChat(messages)
            {
                Tools = RowFields.Find(row, "tools") is { } tools ? RowFields.Node(tools) : null,
                Id = RowFields.Any(row, "id"),
                Split = RowFields.Split(row),
                Fields = RowFields.Rest(row, [list, "system", "tools"]),
            },
            notes);
    }

    private static JsonObject Turn(JsonElement turn, string path, List<ImportNote> notes)
    {
        var name = RowFields.Text(turn, ["role", "from"], path) ?? throw new RowException($"{path}.role", $"Field '{path}' names no speaker (role, or from).");
        var role = s_roles.GetValueOrDefault(name) ?? throw new RowException($"{path}.role", $"'{name}' is no known speaker; use system, user (human), assistant (gpt), tool_call (function_call) or tool (observation).");
        var message = new JsonObject { ["role"] = role };
        var content = RowFields.Find(turn, "content") ?? RowFields.Find(turn, "value");
        message["content"] = content switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            { ValueKind: JsonValueKind.Array } parts => Joined(parts, path, notes),
            { } other => throw new RowException($"{path}.content", $"Field '{path}.content' must be a text, but is {JsonRows.Kind(other)}."),
        };
        foreach (var other in turn.EnumerateObject().Where(other => other.Name is not ("role" or "from" or "content" or "value") && other.Value.ValueKind != JsonValueKind.Null))
            message[other.Name] = RowFields.Node(other.Value);
        if (content is null && !message.ContainsKey("tool_calls") && !message.ContainsKey("function_call"))
            throw new RowException($"{path}.content", $"Field '{path}.content' is missing.");
        return message;
    }

    private static string Joined(JsonElement parts, string path, List<ImportNote> notes)
    {
        var texts = parts.EnumerateArray().Select(part => RowFields.Has(part, "text", JsonValueKind.String)
            ? part.GetProperty("text").GetString()!
            : throw new RowException($"{path}.content", $"Field '{path}.content' holds a part that is no text; pictures and sounds cannot be learnt from here.")).ToList();
        notes.Add(ImportNote.Changed("content-parts-joined", $"The {texts.Count} parts of a turn are joined by line breaks.", path));
        return string.Join('\n', texts);
    }

    private static void Check(List<JsonObject> messages, string list)
    {
        var roles = messages.Select(message => message["role"]!.GetValue<string>()).Where(role => role != "system").ToList();
        if (roles.Count == 0)
            throw new RowException(list, "The conversation has no turns.");
        if (!roles.Contains("assistant") && !roles.Contains("tool_call"))
            throw new RowException(list, "The conversation has no answer of the assistant.");
        var first = roles.IndexOf("user");
        if (first < 0 || !roles.Skip(first).Any(role => role is "assistant" or "tool_call"))
            throw new RowException(list, "The conversation has no question that is followed by an answer.");
    }
}
