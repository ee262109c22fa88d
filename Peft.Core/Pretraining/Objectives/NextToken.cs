namespace Peft.Core.Pretraining.Objectives;

/// <summary>Every token is predicted from those before it.</summary>
/// <param name="Front">Id in front of the text; null puts none.</param>
/// <param name="Behind">Id behind it.</param>
public sealed record NextToken(int? Front, int Behind) : IObjective
{
    /// <inheritdoc />
    public int Room(int maxLength) => maxLength - (Front is null ? 1 : 2);

    /// <inheritdoc />
    public PretrainingExample Make(ReadOnlySpan<int> tokens, Random random)
    {
        int[] row = Front is { } front ? [front, .. tokens, Behind] : [.. tokens, Behind];
        return new PretrainingExample(row, row);
    }
}
