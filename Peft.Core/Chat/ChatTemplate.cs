using System.Text.Json;
using System.Text.Json.Nodes;
using Peft.Core.Chat.Jinja;

namespace Peft.Core.Chat;

/// <summary>How a conversation is rendered; the names are those of Hugging Face's apply_chat_template.</summary>
public sealed record ChatOptions
{
    /// <summary>Functions that the model may call, as JSON schemas; null for none.</summary>
    public JsonArray? Tools { get; init; }

    /// <summary>Whether what begins the assistant's next turn is put behind.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>Whether the text ends right behind the last message, for the model to go on with it.</summary>
    public bool ContinueFinalMessage { get; init; }

    /// <summary>Name of the template where a model has several; null picks <c>tool_use</c> when there are tools, else <c>default</c>.</summary>
    public string? TemplateName { get; init; }

    /// <summary>More variables for the template, e.g. <c>enable_thinking</c>.</summary>
    public JsonObject? Variables { get; init; }
}

/// <summary>A rendered conversation.</summary>
/// <param name="Text">The text.</param>
/// <param name="AssistantSpans">Where the assistant speaks, as [start, end) in UTF-16 units; empty for templates without <c>{% generation %}</c>.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<(int Start, int End)> AssistantSpans);

/// <summary>
/// A model's chat template in Jinja, compiled once and rendered with Python's rules in bounded time and memory. Thread-safe. Source: transformers,
/// chat_template_utils.
/// </summary>
public sealed class ChatTemplate
{
    private readonly IReadOnlyList<Statement> body;
    private readonly JinjaLimits limits;
    private readonly TimeProvider clock;

    private ChatTemplate(string source, IReadOnlyList<Statement> body, JinjaLimits limits, TimeProvider clock)
    {
        Source = source;
        this.body = body;
        this.limits = limits;
        this.clock = clock;
    }

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>Whether it marks what the assistant says.</summary>
    public bool MarksGeneration
    {
        get
        {
            var tokens = JinjaLexer.Tokens(Source);
            return tokens.Zip(tokens.Skip(1)).Any(pair => pair is { First.Kind: Lexeme.BlockBegin, Second: { Kind: Lexeme.Name, Text: "generation" } });
        }
    }

    /// <summary>Compiles a template.</summary>
    /// <param name="source">The Jinja text.</param>
    /// <param name="clock">What <c>strftime_now</c> reads; null for the system's clock.</param>
    /// <exception cref="PeftException">It cannot be read; the message names the line.</exception>
    public static ChatTemplate Parse(string source, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        try
        {
            return new ChatTemplate(source, JinjaParser.Parse(source), JinjaLimits.Default, clock ?? TimeProvider.System);
        }
        catch (JinjaException error)
        {
            throw new PeftException($"The chat_template cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Renders a conversation.</summary>
    /// <param name="messages">Objects with role, content and what else the template knows.</param>
    /// <param name="specialTokens">Texts of bos_token, eos_token and so on.</param>
    /// <param name="options">How; null for the conversation alone.</param>
    /// <exception cref="PeftException">The template refuses the conversation, fails or takes too long.</exception>
    public RenderedChat Render(JsonArray messages, IReadOnlyDictionary<string, JsonNode?>? specialTokens = null, ChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        options ??= new ChatOptions();
        if (options is { ContinueFinalMessage: true, AddGenerationPrompt: true })
            throw new PeftException("continue_final_message and add_generation_prompt exclude each other: either the last message goes on or a new one begins.");
        var variables = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
        foreach (var (name, value) in specialTokens ?? new Dictionary<string, JsonNode?>())
            variables[name] = value;
        variables["messages"] = messages;
        variables["tools"] = options.Tools;
        variables["documents"] = null;
        variables["add_generation_prompt"] = options.AddGenerationPrompt;
        foreach (var (name, value) in options.Variables ?? [])
            variables[name] = value;
        var rendered = Render(variables);
        return options.ContinueFinalMessage ? FinalMessage.Cut(rendered, messages) : rendered;
    }

    /// <summary>Renders with any variables.</summary>
    /// <exception cref="PeftException">The template fails or takes too long.</exception>
    public RenderedChat Render(IEnumerable<KeyValuePair<string, JsonNode?>> variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        var scope = new JinjaScope(null);
        foreach (var (name, value) in variables)
            scope.Set(name, Value(value));
        var run = new JinjaRun(limits, clock);
        Python.Begin(run);
        try
        {
            Statement.All(body, run, scope, run.Root);
            return new RenderedChat(run.Root.ToString(), run.Generations);
        }
        catch (JinjaException error)
        {
            throw new PeftException(error.Kind is "TemplateError" or "LimitError" ? error.Message : $"The chat template failed: {error.Message}", error);
        }
        catch (Exception error) when (error is OutOfMemoryException or InvalidOperationException { InnerException: JinjaException })
        {
            throw new PeftException($"The chat template failed: {(error.InnerException ?? error).Message}", error);
        }
    }

    private static object? Value(JsonNode? node) => node switch
    {
        null => null,
        JsonObject map => Map(map),
        JsonArray list => list.Select(Value).ToList(),
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.String => value.GetValue<string>(),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number => Number(value.ToJsonString()),
            _ => null,
        },
        _ => null,
    };

    private static object Number(string text) => text.AsSpan().IndexOfAny(".eE") < 0 && long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var whole)
        ? (object)whole
        : double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static JinjaMap Map(JsonObject node)
    {
        var map = new JinjaMap();
        foreach (var (key, value) in node)
            map[key] = Value(value);
        return map;
    }
}
