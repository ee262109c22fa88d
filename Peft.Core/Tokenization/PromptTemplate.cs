using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Peft.Core.Chat;
using Peft.Core.Data;

namespace Peft.Core.Tokenization;

/// <summary>
/// How instruction and input become the text in front of the answer, and what ends the answer. The base's chat template decides, or a built-in
/// one that was chosen; a base without template gets a plain form.
/// </summary>
public sealed partial class PromptTemplate
{
    /// <summary>Stand for texts when a template is looked at: nothing that a template trims, and nothing that texts contain.</summary>
    private const string Question = "\uE0F0\uE0F1", Reply = "\uE0F2\uE0F3";

    private readonly Func<string, string> render;
    private readonly IReadOnlyList<string> markers;

    private PromptTemplate(string name, Func<string, string> render, string tail, string end, IReadOnlyList<string>? markers = null)
    {
        Name = name;
        this.render = render;
        Tail = tail;
        End = end;
        this.markers = markers ?? [];
    }

    /// <summary>What <c>prompt_format</c> may be: auto, chat, plain, and the built-in templates.</summary>
    public static IReadOnlyList<string> Formats { get; } = ["auto", "chat", "plain", .. ChatTemplates.BuiltIn.Keys.Where(name => name != "plain").Order(StringComparer.Ordinal)];

    /// <summary><c>chat</c>, <c>plain</c> or the name of a built-in template.</summary>
    public string Name { get; }

    /// <summary>Text behind every answer: the token that ends it.</summary>
    public string End { get; }

    /// <summary>Text behind instruction and input that must survive when a long prompt is cut.</summary>
    public string Tail { get; }

    /// <summary>The template of a base.</summary>
    /// <param name="tokenizer">The base's tokenizer with its config.</param>
    /// <param name="format"><c>auto</c> (the base's template, plain where it has none), <c>chat</c>, <c>plain</c> or a built-in template.</param>
    /// <exception cref="PeftException">A chat template that cannot be read or hides the answer, or an unknown format.</exception>
    public static PromptTemplate Of(PretrainedTokenizer tokenizer, string format = "auto")
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var own = tokenizer.Config["chat_template"];
        if (format == "plain" || (format == "auto" && own is null))
        {
            var head = tokenizer.BosToken ?? "";
            return new PromptTemplate("plain", content => head + content + "\n", "\n", tokenizer.EosToken ?? "");
        }

        if (ChatTemplates.BuiltIn.TryGetValue(format, out var known))
            return Of(tokenizer, ChatTemplates.Compile(known.Source), known.Name, known.Markers);
        if (format is not ("auto" or "chat"))
            throw new PeftException($"prompt_format '{format}' is not known: use {string.Join(", ", Formats)}.");
        if (own is null)
            throw new PeftException("prompt_format chat was asked for, but tokenizer_config.json has no chat_template. Use prompt_format plain.");
        if (own is JsonValue value && value.TryGetValue<string>(out var source) && RoleTags().Match(source) is { Success: true } match)
        {
            var (open, tail) = ((tokenizer.BosToken ?? "") + match.Groups["open"].Value + "user" + match.Groups["close"].Value, match.Groups["generate"].Value);
            return new PromptTemplate("chat", content => open + content + tail, tail, tokenizer.EosToken ?? "");
        }

        return Of(tokenizer, ChatTemplates.Of(tokenizer.Config) ?? throw new PeftException("The base's chat_template (tokenizer_config.json) is neither a text nor a list of templates."), "chat");
    }

    /// <summary>A template that is rendered: the prompt is what it writes in front of the assistant's answer, the end what it writes behind.</summary>
    internal static PromptTemplate Of(PretrainedTokenizer tokenizer, ChatTemplate template, string name, IReadOnlyList<string>? markers = null)
    {
        var special = ChatTemplates.Special(tokenizer.Config);
        string Whole(string content) => template.Render([Message("user", content), Message("assistant", Reply)], special).Text;
        string Front(string content)
        {
            var text = Whole(content);
            return text[..text.LastIndexOf(Reply, StringComparison.Ordinal)];
        }

        var probe = Whole(Question);
        var (asked, answered) = (probe.LastIndexOf(Question, StringComparison.Ordinal), probe.LastIndexOf(Reply, StringComparison.Ordinal));
        if (asked < 0 || answered < asked)
        {
            throw new PeftException(
                $"The chat template '{name}' does not write the question and then the answer as they are, so nothing could be learnt from it. "
                + "Set prompt_format to plain to train with '{instruction}\\n{input}\\n' in front of the answer, or to one of the built-in templates.");
        }

        var end = probe[(answered + Reply.Length)..];
        var eos = tokenizer.EosToken ?? "";
        var stop = eos.Length == 0 ? -1 : end.IndexOf(eos, StringComparison.Ordinal);
        end = stop >= 0 ? end[..(stop + eos.Length)] : end + eos;
        return new PromptTemplate(name, Front, probe[(asked + Question.Length)..answered], end, markers);
    }

    /// <summary>Says what of the template the base does not know as tokens, so that it would be learnt letter by letter; null when they match.</summary>
    public string? Mismatch(PretrainedTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var foreign = markers.Where(marker => tokenizer.Id(marker) is null).ToArray();
        return foreign.Length == 0 ? null
            : $"The base does not know {string.Join(", ", foreign)} of the chat template '{Name}' as tokens: it was made for another template. Choose one that fits, or plain.";
    }

    /// <summary>The text in front of the answer. Without input there is no line break.</summary>
    public string Prompt(string instruction, string input) => render(Content(instruction, input));

    /// <summary>The text in front of a record's answer.</summary>
    public string Prompt(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return Prompt(record.Instruction, record.Input);
    }

    /// <summary>The text in front of the answer to a prompt that a person wrote as one piece.</summary>
    public string Prompt(string content) => render(content);

    /// <summary>The answer with the token that ends it.</summary>
    public string Answer(string output) => output + End;

    private static string Content(string instruction, string input) => input.Length == 0 ? instruction : instruction + "\n" + input;

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    /// <summary>
    /// bos, then for every message an opening, the role, a closing and the content, eos behind an assistant's; the generation prompt is the
    /// assistant's tag. Such a template needs no renderer; a test compares the two.
    /// </summary>
    [GeneratedRegex(
        @"^\s*\{\{-?\s*bos_token\s*-?\}\}\s*\{%-?\s*for message in messages\s*-?%\}\s*\{\{-?\s*'(?<open>[^']*)'\s*\+\s*message(\['role'\]|\.role)\s*\+\s*'(?<close>[^']*)'\s*\+\s*message(\['content'\]|\.content)\s*-?\}\}\s*"
        + @"\{%-?\s*if message(\['role'\]|\.role)\s*==\s*'assistant'\s*-?%\}\s*\{\{-?\s*eos_token\s*-?\}\}\s*\{%-?\s*endif\s*-?%\}\s*\{%-?\s*endfor\s*-?%\}\s*"
        + @"\{%-?\s*if add_generation_prompt\s*-?%\}(?<generate>[^{}]+)\{%-?\s*endif\s*-?%\}\s*$",
        RegexOptions.CultureInvariant)]
    private static partial Regex RoleTags();
}
