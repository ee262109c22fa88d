namespace Peft.Core.Training.Health;

/// <summary>Something that looks wrong with a run.</summary>
/// <param name="Code">Stable name for translations.</param>
/// <param name="Message">What was seen, and what to do, in plain words.</param>
/// <param name="Since">Step at which it began; checkpoints from before are not touched by it.</param>
/// <param name="IsLost">Whether going on as it is makes no sense.</param>
public sealed record HealthFinding(string Code, string Message, int Since, bool IsLost)
{
    /// <summary><c>error</c> for a run that looks lost, else <c>warning</c>.</summary>
    public string Severity => IsLost ? "error" : "warning";
}
