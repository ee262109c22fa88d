namespace Workbench.Client.Contracts;

/// <summary>
/// How long the records of a dataset are for a base model, in tokens: every length that occurs, ascending, with the number of records that
/// have it. Of large datasets a part is measured, spread over all of it.
/// </summary>
/// <param name="ModelId">The base model.</param>
/// <param name="Records">Training records of the dataset.</param>
/// <param name="Measured">Records that were measured.</param>
/// <param name="Lengths">Lengths in tokens, ascending.</param>
/// <param name="Counts">Records of each length.</param>
/// <param name="MaxPositions">Longest text of the base, where that is known.</param>
public sealed record LengthCounts(string ModelId, int Records, int Measured, IReadOnlyList<int> Lengths, IReadOnlyList<int> Counts, int? MaxPositions)
{
    /// <summary>Measured records that are longer than a limit.</summary>
    public int Cut(int limit) => Lengths.Zip(Counts).Where(pair => pair.First > limit).Sum(pair => pair.Second);
}
