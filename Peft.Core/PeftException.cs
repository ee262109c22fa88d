namespace Peft.Core;

/// <summary>
/// The root of every failure that the engine foresees: a bad file, a bad setting, a missing resource. The message says what happened,
/// where (file, line, field, tensor) and, where possible, what to do about it, so that it can be shown to a person as it is.
/// </summary>
public class PeftException : Exception
{
    /// <summary>Creates the exception with the message that a person will read.</summary>
    public PeftException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception with the message that a person will read and its technical cause.</summary>
    public PeftException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>Exists for serializers and analyzers; prefer the constructors with a message.</summary>
    public PeftException()
    {
    }
}
