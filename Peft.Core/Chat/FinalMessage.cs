using System.Text.Json.Nodes;

namespace Peft.Core.Chat;

/// <summary>Cuts a rendered conversation behind its last message, so that the model goes on with it. Then nothing is marked as said by the assistant.</summary>
internal static class FinalMessage
{
    public static RenderedChat Cut(RenderedChat rendered, JsonArray messages)
    {
        var content = messages.Count == 0 ? null : messages[^1]?["content"];
        if (content is JsonArray parts)
            content = parts.Reverse().FirstOrDefault(part => part?["text"] is not null)?["text"];
        if (content is not JsonValue value || !value.TryGetValue<string>(out var last))
            throw new PeftException("continue_final_message is set, but the final message has no text to go on with.");
        var place = rendered.Text.LastIndexOf(last.Trim(), StringComparison.Ordinal);
        if (place < 0)
            throw new PeftException("continue_final_message is set, but the final message does not appear in the chat after applying the chat template: the template deletes parts of it.");
        // Where the template keeps the blanks behind the message they stay, else the text ends with its last character.
        var kept = last.TrimStart();
        var end = place + kept.Length;
        var whole = end <= rendered.Text.Length && rendered.Text[place..end] == kept;
        return rendered with { Text = rendered.Text[..(whole ? end : place + last.Trim().Length)], AssistantSpans = [] };
    }
}
