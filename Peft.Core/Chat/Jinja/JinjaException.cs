namespace Peft.Core.Chat.Jinja;

/// <summary>A template that cannot be read or rendered.</summary>
internal sealed class JinjaException(string kind, string message) : Exception(message)
{
    /// <summary>What Python's Jinja2 would raise: TemplateError (raise_exception), UndefinedError, TypeError, …</summary>
    public string Kind { get; } = kind;

    public static JinjaException Syntax(string message, int line) => new("TemplateSyntaxError", $"line {line}: {message}");

    public static JinjaException Type(string message) => new("TypeError", message);
}
