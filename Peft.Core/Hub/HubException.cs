namespace Peft.Core.Hub;

/// <summary>What kind of failure a hub's refusal is, for callers that act on it.</summary>
public enum HubFailure
{
    /// <summary>No such model, revision or file.</summary>
    NotFound,

    /// <summary>An access token is missing, wrong, or its owner may not read the model.</summary>
    AccessDenied,

    /// <summary>The hub cannot be reached or answers with a passing failure; trying again may help.</summary>
    Unreachable,

    /// <summary>What arrived is not what the hub announced.</summary>
    Damaged,

    /// <summary>The disk is full or refuses.</summary>
    Disk,

    /// <summary>The hub answers with something that cannot be used.</summary>
    Unusable,
}

/// <summary>A hub, or the way to it, refuses; the message says what to do.</summary>
public sealed class HubException : PeftException
{
    /// <summary>Creates the exception.</summary>
    public HubException(HubFailure failure, string message, Exception? inner = null) : base(message, inner!) => Failure = failure;

    /// <summary>The kind of failure.</summary>
    public HubFailure Failure { get; }
}
