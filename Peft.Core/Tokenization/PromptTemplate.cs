using System.Text.RegularExpressions;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Tokenization;

/// <summary>
/// How instruction and input become the text in front of the answer, and what ends the answer. The base's chat template decides where it
/// is one that writes each turn behind a role tag; a base without template gets a plain form.
/// </summary>
public sealed partial class PromptTemplate
{
    private readonly string head;
    private readonly string tail;
    private readonly InstructionTemplate? form;

    private PromptTemplate(string name, string head, string tail, string end, TurnTemplate turns, InstructionTemplate? form = null)
    {
        Name = name;
        this.head = head;
        this.tail = tail;
        this.form = form;
        Turns = turns;
        End = end;
    }

    /// <summary>What stands around the turns of a conversation.</summary>
    public TurnTemplate Turns { get; }

    /// <summary><c>chat</c>, <c>plain</c> or the name of an <see cref="InstructionTemplate"/>.</summary>
    public string Name { get; }

    /// <summary>Text behind every answer: the token that ends it.</summary>
    public string End { get; }

    /// <summary>Text behind instruction and input that must survive when a long prompt is cut.</summary>
    public string Tail => tail;

    /// <summary>Every format.</summary>
    public static IReadOnlyList<string> Formats { get; } = ["auto", "chat", "plain", .. InstructionTemplate.All.Select(template => template.Name)];

    /// <summary>The template of a base.</summary>
    /// <param name="tokenizer">The base's tokenizer with its config.</param>
    /// <param name="format"><c>auto</c> (the base's template, plain where it has none), <c>chat</c>, <c>plain</c>, or the name of an <see cref="InstructionTemplate"/>.</param>
    /// <exception cref="PeftException">A chat template of another kind, or an unknown format.</exception>
    public static PromptTemplate Of(PretrainedTokenizer tokenizer, string format = "auto")
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var chat = tokenizer.Config["chat_template"] is System.Text.Json.Nodes.JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        switch (format)
        {
            case "plain":
            case "auto" when chat is null:
                return new PromptTemplate("plain", tokenizer.BosToken ?? "", "\n", tokenizer.EosToken ?? "", PlainTurns(tokenizer));
            case "auto":
            case "chat":
                break;
            default:
                return InstructionTemplate.Find(format) is { } known
                    ? new PromptTemplate(format, tokenizer.BosToken ?? "", known.Tail, tokenizer.EosToken ?? "", PlainTurns(tokenizer), known)
                    : throw new PeftException($"prompt_format '{format}' is not known: use {string.Join(", ", Formats)}.");
        }

        if (chat is null)
            throw new PeftException("prompt_format chat was asked for, but tokenizer_config.json has no chat_template. Use prompt_format plain.");
        var match = RoleTags().Match(chat);
        if (!match.Success)
        {
            throw new PeftException(
                "The base's chat_template (tokenizer_config.json) is of a kind that cannot be rendered yet; templates that write each turn as a role tag and its text can. "
                + "Set prompt_format to plain to train with '{instruction}\\n{input}\\n' in front of the answer.");
        }

        var (open, close, assistant) = (match.Groups["open"].Value, match.Groups["close"].Value, match.Groups["generate"].Value);
        return new PromptTemplate(
            "chat",
            (tokenizer.BosToken ?? "") + open + "user" + close,
            assistant,
            tokenizer.EosToken ?? "",
            new TurnTemplate(tokenizer.BosToken ?? "", open, close, tokenizer.EosToken ?? "", "", ""));
    }

    /// <summary>The text in front of the answer. Without input there is no line break.</summary>
    public string Prompt(string instruction, string input) => form is null ? head + Content(instruction, input) + tail : head + form.Render(instruction, input);

    /// <summary>The text in front of a record's answer.</summary>
    public string Prompt(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return Prompt(record.Instruction, record.Input);
    }

    /// <summary>The text in front of the answer to a prompt that a person wrote as one piece.</summary>
    public string Prompt(string content) => form is null ? head + content + tail : Prompt(content, "");

    /// <summary>The text in front of the next answer of a conversation.</summary>
    /// <param name="messages">What was said so far.</param>
    /// <param name="tools">The tools that are offered, as JSON.</param>
    public string Prompt(IReadOnlyList<ChatMessage> messages, string? tools = null)
    {
        ArgumentNullException.ThrowIfNull(messages);

        // The turn to come is written with a text that the conversation cannot hold, and everything in front of it is the prompt.
        var pieces = Turns.Pieces([.. messages, new ChatMessage(ChatMessage.Assistant, "\0")], tools);
        return string.Concat(pieces.TakeWhile(piece => !piece.Text.StartsWith('\0')).Select(piece => piece.Text));
    }

    /// <summary>A text that is learnt as it is, with the tokens that begin and end a text.</summary>
    public string Around(string text) => Turns.Start + text + End;

    /// <summary>The answer with the token that ends it.</summary>
    public string Answer(string output) => output + End;

    /// <summary>Turns without roles: each on a line of its own, answers closed by the ending token.</summary>
    private static TurnTemplate PlainTurns(PretrainedTokenizer tokenizer) => new(tokenizer.BosToken ?? "", null, "", tokenizer.EosToken ?? "", "\n", "");

    private static string Content(string instruction, string input) => input.Length == 0 ? instruction : instruction + "\n" + input;

    /// <summary>
    /// bos, then for every message an opening, the role, a closing and the content, eos behind an assistant's; the generation prompt is the
    /// assistant's tag.
    /// </summary>
    [GeneratedRegex(
        @"^\s*\{\{-?\s*bos_token\s*-?\}\}\s*\{%-?\s*for message in messages\s*-?%\}\s*\{\{-?\s*'(?<open>[^']*)'\s*\+\s*message(\['role'\]|\.role)\s*\+\s*'(?<close>[^']*)'\s*\+\s*message(\['content'\]|\.content)\s*-?\}\}\s*"
        + @"\{%-?\s*if message(\['role'\]|\.role)\s*==\s*'assistant'\s*-?%\}\s*\{\{-?\s*eos_token\s*-?\}\}\s*\{%-?\s*endif\s*-?%\}\s*\{%-?\s*endfor\s*-?%\}\s*"
        + @"\{%-?\s*if add_generation_prompt\s*-?%\}(?<generate>[^{}]+)\{%-?\s*endif\s*-?%\}\s*$",
        RegexOptions.CultureInvariant)]
    private static partial Regex RoleTags();
}
