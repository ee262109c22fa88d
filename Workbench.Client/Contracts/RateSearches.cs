namespace Workbench.Client.Contracts;

/// <summary>A learning rate that was tried.</summary>
public sealed record RatePoint(double LearningRate, double Loss, double Smooth);

/// <summary>A search for a learning rate.</summary>
/// <param name="Id">To ask for it again.</param>
/// <param name="Steps">Steps at most.</param>
/// <param name="Points">Rates tried so far.</param>
/// <param name="IsOver">Whether it has ended.</param>
/// <param name="Suggested">The rate to train with; null when the loss fell nowhere.</param>
/// <param name="Diverged">The rate at which the loss exploded; null when none did.</param>
/// <param name="Error">Why it ended without a result.</param>
public sealed record RateSearch(string Id, int Steps, IReadOnlyList<RatePoint> Points, bool IsOver, double? Suggested, double? Diverged, string? Error);
