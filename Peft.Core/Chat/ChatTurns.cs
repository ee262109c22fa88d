using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Peft.Core.Data.Tasks;
using Peft.Core.Tokenization;

namespace Peft.Core.Chat;

/// <summary>
/// A conversation's text by a base's own template, cut into what the assistant says and what stands around. The assistant's texts are rendered as
/// stand-ins, so that their places are known whatever the template writes.
/// </summary>
internal sealed partial class ChatTurns
{
    private readonly ChatTemplate template;
    private readonly IReadOnlyDictionary<string, JsonNode?> special;
    private readonly string end;
    private readonly bool trims;

    /// <summary>Turns of a template.</summary>
    /// <param name="template">The template.</param>
    /// <param name="special">Texts of the special tokens.</param>
    /// <param name="eos">Text of the token that ends an answer; empty for none.</param>
    /// <exception cref="PeftException">The template does not write questions and answers as they are.</exception>
    public ChatTurns(ChatTemplate template, IReadOnlyDictionary<string, JsonNode?> special, string eos)
    {
        this.template = template;
        this.special = special;
        var question = StandIn(0);
        var text = Render([("user", question), ("assistant", " " + StandIn(1) + " ")]);
        var (asked, answered) = (text.LastIndexOf(question, StringComparison.Ordinal), text.LastIndexOf(StandIn(1), StringComparison.Ordinal));
        if (asked < 0 || answered < asked)
        {
            throw new PeftException(
                "The chat template does not write the question and then the answer as they are, so nothing could be learnt from it. "
                + "Set prompt_format to plain to train with '{instruction}\\n{input}\\n' in front of the answer, or to one of the built-in templates.");
        }

        text = Render([("user", question), ("assistant", StandIn(1))]);
        trims = !Render([("user", "a"), ("assistant", "  " + StandIn(1))]).Contains("  " + StandIn(1), StringComparison.Ordinal);
        asked = text.LastIndexOf(question, StringComparison.Ordinal) + question.Length;
        answered = text.LastIndexOf(StandIn(1), StringComparison.Ordinal);
        Tail = text[asked..answered];
        var behind = text[(answered + StandIn(1).Length)..];
        var stop = eos.Length == 0 ? -1 : behind.IndexOf(eos, StringComparison.Ordinal);
        (end, End) = stop >= 0 ? (behind[..(stop + eos.Length)], behind[..(stop + eos.Length)]) : (behind, behind + eos);
    }

    /// <summary>What stands between a question and its answer.</summary>
    public string Tail { get; }

    /// <summary>What stands behind an answer that is the last, up to the token that ends it.</summary>
    public string End { get; }

    /// <summary>An answer as the template writes it.</summary>
    public string Answer(string text) => trims ? text.Trim() : text;

    /// <summary>The text in front of the answer to one question.</summary>
    public string Front(string question)
    {
        var text = Render([("user", question), ("assistant", StandIn(0))]);
        return text[..text.LastIndexOf(StandIn(0), StringComparison.Ordinal)];
    }

    /// <summary>The pieces of a conversation; what ends an answer is a part of it.</summary>
    /// <param name="messages">What was said. Calls of tools are written as text.</param>
    /// <param name="tools">The tools that are offered, as a JSON list.</param>
    public IReadOnlyList<TurnPiece> Pieces(IReadOnlyList<ChatMessage> messages, string? tools)
    {
        var answers = new List<string>();
        var shown = new JsonArray();
        foreach (var message in messages)
        {
            var content = message.Said;
            if (message.Role == ChatMessage.Assistant)
            {
                answers.Add(Answer(content));
                content = StandIn(answers.Count - 1);
            }

            var entry = new JsonObject { ["role"] = message.Role, ["content"] = content };
            if (message.Name is not null)
                entry["name"] = message.Name;
            if (message.ToolCallId is not null)
                entry["tool_call_id"] = message.ToolCallId;
            shown.Add((JsonNode)entry);
        }

        var text = template.Render(shown, special, new ChatOptions { Tools = tools is null ? null : JsonNode.Parse(tools) as JsonArray }).Text;
        var (pieces, at, turn) = (new List<TurnPiece>(), 0, 0);
        foreach (Match place in StandIns().Matches(text))
        {
            if (place.Index > at)
                pieces.Add(new TurnPiece(text[at..place.Index], -1));
            at = place.Index + place.Length;
            var answer = answers[int.Parse(place.Groups[1].ValueSpan, CultureInfo.InvariantCulture)];
            if (end.Length > 0 && string.CompareOrdinal(text, at, end, 0, end.Length) == 0)
            {
                answer += end;
                at += end.Length;
            }
            else if (at == text.Length)
            {
                answer += End;
            }

            pieces.Add(new TurnPiece(answer, turn++));
        }

        if (turn != answers.Count)
            throw new PeftException($"The chat template leaves out {answers.Count - turn} of {answers.Count} answers of a conversation. Choose another prompt_format.");
        if (at < text.Length)
            pieces.Add(new TurnPiece(text[at..], -1));
        return pieces;
    }

    private string Render(IEnumerable<(string Role, string Content)> messages) =>
        template.Render([.. messages.Select(message => (JsonNode)new JsonObject { ["role"] = message.Role, ["content"] = message.Content })], special).Text;

    /// <summary>Private characters that no template trims or splits.</summary>
    private static string StandIn(int number) => string.Create(CultureInfo.InvariantCulture, $"\uE0F0{number}\uE0F1");

    [GeneratedRegex("\uE0F0([0-9]+)\uE0F1")]
    private static partial Regex StandIns();
}
