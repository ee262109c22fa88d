using System.Text.RegularExpressions;
using Peft.Core.Data;

namespace Peft.Core.Tokenization;

/// <summary>
/// How instruction and input become the text in front of the answer, and what ends the answer. The base's chat template decides where it
/// is one that writes each turn behind a role tag; a base without template gets a plain form.
/// </summary>
public sealed partial class PromptTemplate
{
    private readonly string head;
    private readonly string tail;

    private PromptTemplate(string name, string head, string tail, string end)
    {
        Name = name;
        this.head = head;
        this.tail = tail;
        End = end;
    }

    /// <summary><c>chat</c> or <c>plain</c>.</summary>
    public string Name { get; }

    /// <summary>Text behind every answer: the token that ends it.</summary>
    public string End { get; }

    /// <summary>Text behind instruction and input that must survive when a long prompt is cut.</summary>
    public string Tail => tail;

    /// <summary>The template of a base.</summary>
    /// <param name="tokenizer">The base's tokenizer with its config.</param>
    /// <param name="format"><c>auto</c> (the base's template, plain where it has none), <c>chat</c> or <c>plain</c>.</param>
    /// <exception cref="PeftException">A chat template of another kind, or an unknown format.</exception>
    public static PromptTemplate Of(PretrainedTokenizer tokenizer, string format = "auto")
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var chat = tokenizer.Config["chat_template"] is System.Text.Json.Nodes.JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        switch (format)
        {
            case "plain":
            case "auto" when chat is null:
                return new PromptTemplate("plain", tokenizer.BosToken ?? "", "\n", tokenizer.EosToken ?? "");
            case "auto":
            case "chat":
                break;
            default:
                throw new PeftException($"prompt_format '{format}' is not known: use auto, chat or plain.");
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
        return new PromptTemplate("chat", (tokenizer.BosToken ?? "") + open + "user" + close, assistant, tokenizer.EosToken ?? "");
    }

    /// <summary>The text in front of the answer. Without input there is no line break.</summary>
    public string Prompt(string instruction, string input) => head + Content(instruction, input) + tail;

    /// <summary>The text in front of a record's answer.</summary>
    public string Prompt(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return Prompt(record.Instruction, record.Input);
    }

    /// <summary>The text in front of the answer to a prompt that a person wrote as one piece.</summary>
    public string Prompt(string content) => head + content + tail;

    /// <summary>The answer with the token that ends it.</summary>
    public string Answer(string output) => output + End;

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
