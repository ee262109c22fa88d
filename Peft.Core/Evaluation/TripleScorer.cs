using Peft.Core.Data;

namespace Peft.Core.Evaluation;

/// <summary>Counts of exact triples.</summary>
/// <param name="TruePositives">Predicted and wanted.</param>
/// <param name="Predicted">Predicted.</param>
/// <param name="Gold">Wanted.</param>
public readonly record struct TripleCounts(int TruePositives, int Predicted, int Gold)
{
    /// <summary>Share of the predictions that are right; null when nothing was predicted.</summary>
    public double? Precision => Predicted == 0 ? null : (double)TruePositives / Predicted;

    /// <summary>Share of the wanted triples that were found; null when nothing was wanted.</summary>
    public double? Recall => Gold == 0 ? null : (double)TruePositives / Gold;

    /// <summary>Harmonic mean of both, 2·tp / (predicted + gold); null when there is neither.</summary>
    public double? F1 => Predicted + Gold == 0 ? null : 2.0 * TruePositives / (Predicted + Gold);

    /// <summary>Adds the counts of other records.</summary>
    public static TripleCounts operator +(TripleCounts left, TripleCounts right) =>
        new(left.TruePositives + right.TruePositives, left.Predicted + right.Predicted, left.Gold + right.Gold);

    /// <summary>Adds the counts of other records.</summary>
    public static TripleCounts Add(TripleCounts left, TripleCounts right) => left + right;
}

/// <summary>One scored record.</summary>
/// <param name="Gold">Triples wanted.</param>
/// <param name="Predicted">Triples predicted.</param>
/// <param name="Parsed">Could the whole answer be read?</param>
public sealed record ScoredRecord(IReadOnlyList<Triple> Gold, IReadOnlyList<Triple> Predicted, bool Parsed = true);

/// <summary>Scores of a split.</summary>
/// <param name="Micro">Counts over all records.</param>
/// <param name="F1Interval">95 % bootstrap interval of micro F1 over records; null when F1 is undefined.</param>
/// <param name="ByRelation">Counts per relation, most wanted first.</param>
/// <param name="ParseFailureRate">Share of the answers (0–1) that could not be read whole.</param>
/// <param name="ExactRecords">Share of the records (0–1) whose predicted set equals the wanted one.</param>
public sealed record TripleReport(
    TripleCounts Micro, (double Low, double High)? F1Interval, IReadOnlyList<KeyValuePair<string, TripleCounts>> ByRelation, double ParseFailureRate, double ExactRecords);

/// <summary>
/// Strict scoring of relation extraction: a triple counts when head, relation and tail are equal after trimming blanks, case kept;
/// duplicates within a record count once.
/// </summary>
public static class TripleScorer
{
    /// <summary>Scores records.</summary>
    public static TripleReport Score(IReadOnlyList<ScoredRecord> records, int seed = 42)
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentOutOfRangeException.ThrowIfZero(records.Count, nameof(records));
        var counts = new TripleCounts[records.Count];
        var relations = new Dictionary<string, TripleCounts>(StringComparer.Ordinal);
        var exact = 0;
        for (var i = 0; i < records.Count; i++)
        {
            var (gold, predicted) = (Distinct(records[i].Gold), Distinct(records[i].Predicted));
            counts[i] = Count(gold, predicted);
            exact += gold.SetEquals(predicted) ? 1 : 0;
            foreach (var relation in gold.Concat(predicted).Select(triple => triple.Relation).Distinct())
            {
                var part = Count(Of(gold, relation), Of(predicted, relation));
                relations[relation] = relations.GetValueOrDefault(relation) + part;
            }
        }

        var micro = counts.Aggregate(default(TripleCounts), TripleCounts.Add);
        return new TripleReport(
            micro,
            micro.F1 is null ? null : Bootstrap.Interval(records.Count, drawn => F1Of(counts, drawn.Span), seed),
            [.. relations.OrderByDescending(pair => pair.Value.Gold).ThenBy(pair => pair.Key, StringComparer.Ordinal)],
            (double)records.Count(record => !record.Parsed) / records.Count,
            (double)exact / records.Count);
    }

    /// <summary>The counts of one record.</summary>
    public static TripleCounts Count(IReadOnlyList<Triple> gold, IReadOnlyList<Triple> predicted) => Count(Distinct(gold), Distinct(predicted));

    private static TripleCounts Count(HashSet<Triple> gold, HashSet<Triple> predicted) => new(predicted.Count(gold.Contains), predicted.Count, gold.Count);

    /// <summary>A resample without any triple scores 0: nothing was found in it.</summary>
    private static double F1Of(TripleCounts[] counts, ReadOnlySpan<int> drawn)
    {
        var sum = default(TripleCounts);
        foreach (var index in drawn)
            sum += counts[index];
        return sum.F1 ?? 0;
    }

    private static HashSet<Triple> Distinct(IReadOnlyList<Triple> triples) =>
        [.. triples.Select(triple => new Triple(triple.Head.Trim(), triple.Relation.Trim(), triple.Tail.Trim()))];

    private static HashSet<Triple> Of(HashSet<Triple> triples, string relation) => [.. triples.Where(triple => triple.Relation == relation)];
}
