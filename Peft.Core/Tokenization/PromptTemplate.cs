using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Peft.Core.Chat;
using Peft.Core.Data;
using Peft.Core.Data.Tasks;

namespace Peft.Core.Tokenization;

/// <summary>
/// How instruction and input become the text in front of the answer, and what ends the answer. The base's own chat template decides, or one that
/// was chosen by name: a built-in chat template or an instruction form; a base without template gets a plain form.
/// </summary>
public sealed partial class PromptTemplate
{
    private readonly Func<string, string, string> prompt;
    private readonly Func<IReadOnlyList<ChatMessage>, string?, IReadOnlyList<TurnPiece>> pieces;
    private readonly ChatTurns? rendered;
    private readonly IReadOnlyList<string> markers;
    private readonly string start;
    private readonly string eos;

    private PromptTemplate(string name, string head, string tail, string end, TurnTemplate turns, InstructionTemplate? form = null)
    {
        Name = name;
        prompt = form is null ? (instruction, input) => head + Content(instruction, input) + tail : (instruction, input) => head + form.Render(instruction, input);
        pieces = turns.Pieces;
        (start, eos, Tail, End, markers) = (turns.Start, end, tail, end, []);
    }

    private PromptTemplate(string name, ChatTurns rendered, string start, string eos, IReadOnlyList<string> markers)
    {
        Name = name;
        this.rendered = rendered;
        prompt = (instruction, input) => rendered.Front(Content(instruction, input));
        pieces = rendered.Pieces;
        (this.start, this.eos, Tail, End, this.markers) = (start, eos, rendered.Tail, rendered.End, markers);
    }

    /// <summary><c>chat</c>, <c>plain</c>, the name of an <see cref="InstructionTemplate"/> or of a built-in chat template.</summary>
    public string Name { get; }

    /// <summary>Text behind every answer: the token that ends it.</summary>
    public string End { get; }

    /// <summary>Text behind instruction and input that must survive when a long prompt is cut.</summary>
    public string Tail { get; }

    /// <summary>Every format.</summary>
    public static IReadOnlyList<string> Formats { get; } = 
        [.. new[] { "auto", "chat", "plain" }.Concat(InstructionTemplate.All.Select(template => template.Name)).Concat(ChatTemplates.BuiltIn.Keys.Order(StringComparer.Ordinal)).Distinct()];

    /// <summary>The template of a base.</summary>
    /// <param name="tokenizer">The base's tokenizer with its config.</param>
    /// <param name="format"><c>auto</c> (the base's template, plain where it has none), <c>chat</c>, <c>plain</c>, the name of an <see cref="InstructionTemplate"/> or of a built-in chat template.</param>
    /// <exception cref="PeftException">A chat template that cannot be read or hides the answer, or an unknown format.</exception>
    public static PromptTemplate Of(PretrainedTokenizer tokenizer, string format = "auto")
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var own = tokenizer.Config["chat_template"];
        var (bos, eos) = (tokenizer.BosToken ?? "", tokenizer.EosToken ?? "");
        if (format == "plain" || (format == "auto" && own is null))
            return new PromptTemplate("plain", bos, "\n", eos, PlainTurns(tokenizer));
        if (InstructionTemplate.Find(format) is { } form)
            return new PromptTemplate(format, bos, form.Tail, eos, PlainTurns(tokenizer), form);
        if (ChatTemplates.BuiltIn.TryGetValue(format, out var known))
            return Rendered(tokenizer, ChatTemplates.Compile(known.Source), known.Name, known.Markers);
        if (format is not ("auto" or "chat"))
            throw new PeftException($"prompt_format '{format}' is not known: use {string.Join(", ", Formats)}.");
        if (own is null)
            throw new PeftException("prompt_format chat was asked for, but tokenizer_config.json has no chat_template. Use prompt_format plain.");
        if (own is JsonValue value && value.TryGetValue<string>(out var source) && RoleTags().Match(source) is { Success: true } match)
        {
            var (open, close, assistant) = (match.Groups["open"].Value, match.Groups["close"].Value, match.Groups["generate"].Value);
            return new PromptTemplate("chat", bos + open + "user" + close, assistant, eos, new TurnTemplate(bos, open, close, eos, "", ""));
        }

        var template = ChatTemplates.Of(tokenizer.Config) ?? throw new PeftException("The base's chat_template (tokenizer_config.json) is neither a text nor a list of templates.");
        return Rendered(tokenizer, template, "chat", []);
    }

    /// <summary>A template that is rendered for every record.</summary>
    internal static PromptTemplate Rendered(PretrainedTokenizer tokenizer, ChatTemplate template, string name, IReadOnlyList<string> markers) =>
        new(name, new ChatTurns(template, ChatTemplates.Special(tokenizer.Config), tokenizer.EosToken ?? ""), tokenizer.BosToken ?? "", tokenizer.EosToken ?? "", markers);

    /// <summary>Says what of the template the base does not know as tokens, so that it would be learnt letter by letter; null when they match.</summary>
    public string? Mismatch(PretrainedTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var foreign = markers.Where(marker => tokenizer.Id(marker) is null).ToArray();
        return foreign.Length == 0 ? null
            : $"The base does not know {string.Join(", ", foreign)} of the chat template '{Name}' as tokens: it was made for another template. Choose one that fits, or plain.";
    }

    /// <summary>The text in front of the answer. Without input there is no line break.</summary>
    public string Prompt(string instruction, string input) => prompt(instruction, input);

    /// <summary>The text in front of a record's answer.</summary>
    public string Prompt(InstructionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return Prompt(record.Instruction, record.Input);
    }

    /// <summary>The text in front of the answer to a prompt that a person wrote as one piece.</summary>
    public string Prompt(string content) => prompt(content, "");

    /// <summary>The text in front of the next answer of a conversation.</summary>
    /// <param name="messages">What was said so far.</param>
    /// <param name="tools">The tools that are offered, as JSON.</param>
    public string Prompt(IReadOnlyList<ChatMessage> messages, string? tools = null)
    {
        ArgumentNullException.ThrowIfNull(messages);

        // The turn to come is written with a text that the conversation cannot hold, and everything in front of it is the prompt.
        return string.Concat(Pieces([.. messages, new ChatMessage(ChatMessage.Assistant, "\0")], tools).TakeWhile(piece => !piece.Text.StartsWith('\0')).Select(piece => piece.Text));
    }

    /// <summary>The pieces of a conversation in order: what the assistant says, with what ends it, and what stands around.</summary>
    /// <param name="messages">What was said.</param>
    /// <param name="tools">The tools that were offered, as JSON.</param>
    public IReadOnlyList<TurnPiece> Pieces(IReadOnlyList<ChatMessage> messages, string? tools = null) => pieces(messages, tools);

    /// <summary>A text that is learnt as it is, with the tokens that begin and end a text.</summary>
    public string Around(string text) => start + text + eos;

    /// <summary>The answer with the token that ends it.</summary>
    public string Answer(string output) => (rendered?.Answer(output) ?? output) + End;

    /// <summary>Turns without roles: each on a line of its own, answers closed by the ending token.</summary>
    private static TurnTemplate PlainTurns(PretrainedTokenizer tokenizer) => new(tokenizer.BosToken ?? "", null, "", tokenizer.EosToken ?? "", "\n", "");

    private static string Content(string instruction, string input) => input.Length == 0 ? instruction : instruction + "\n" + input;

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
