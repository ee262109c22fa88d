using Peft.Core.Models.Blocks;

namespace Peft.Core.Models.Decoders;

/// <summary>The ids that CPM-Bee's vocabulary begins with.</summary>
public static class CpmBeeVocabularyIds
{
    /// <summary>Fills rows.</summary>
    public const int Pad = 0;

    /// <summary>Stands for what is no token.</summary>
    public const int Unknown = 1;

    /// <summary>Begins a segment.</summary>
    public const int Start = 6;

    /// <summary>Ends a segment.</summary>
    public const int End = 7;
}

/// <summary>A numbered token of a group, e.g. the second mask: an output beside the vocabulary.</summary>
/// <param name="Id">Id of the group.</param>
/// <param name="Sub">Its number in the group, from 0.</param>
public readonly record struct CpmBeeNumbered(long Id, long Sub);

/// <summary>A token and where it stands.</summary>
public readonly record struct CpmBeePlace
{
    /// <summary>Token id.</summary>
    public required long Id { get; init; }

    /// <summary>Number of a special or unknown token within its group; 0 for ordinary tokens.</summary>
    public long Sub { get; init; }

    /// <summary>False for what fills the row.</summary>
    public bool IsReal { get; init; }

    /// <summary>Whether it is given, not to be predicted.</summary>
    public bool IsGiven { get; init; }

    /// <summary>0 is the sample itself, 1 and more are its examples.</summary>
    public long Sample { get; init; }

    /// <summary>Segment within its sample.</summary>
    public long Segment { get; init; }

    /// <summary>Segments of its sample.</summary>
    public long Segments { get; init; }

    /// <summary>Where its sample's relations begin in those of the row.</summary>
    public long RelationsStart { get; init; }

    /// <summary>Which of the independent samples packed into the row it belongs to.</summary>
    public long Span { get; init; }

    /// <summary>Position, for distances within a segment.</summary>
    public long Position { get; init; }
}

/// <summary>A row of tokens.</summary>
/// <param name="Places">The tokens.</param>
/// <param name="Relations">Per sample a table [segments · segments] of relations, row by row, one behind the other: 0 is the same segment, 1 another sample.</param>
public sealed record CpmBeeRow(IReadOnlyList<CpmBeePlace> Places, IReadOnlyList<long> Relations);

/// <summary>Rows of one length.</summary>
public sealed class CpmBeeText
{
    /// <summary>Takes rows of one length.</summary>
    /// <exception cref="ArgumentException">No rows, or rows of several lengths.</exception>
    public CpmBeeText(IReadOnlyList<CpmBeeRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0 || rows.Any(row => row.Places.Count != rows[0].Places.Count))
            throw new ArgumentException("A batch needs rows, all of one length.", nameof(rows));
        Rows = rows;
    }

    /// <summary>The rows.</summary>
    public IReadOnlyList<CpmBeeRow> Rows { get; }

    /// <summary>Tokens of a row.</summary>
    public int Length => Rows[0].Places.Count;

    /// <summary>
    /// For the tokens from <paramref name="past"/> on: the bucket of every pair of query and key [B, T, S], and whether the key is hidden.
    /// </summary>
    internal (long[] Buckets, bool[] Hidden) Relations(int past, int buckets, int maxDistance)
    {
        var (keys, queries) = (Length, Length - past);
        var result = new long[Rows.Count * queries * keys];
        var hidden = new bool[result.Length];
        var at = 0;
        foreach (var row in Rows)
        {
            for (var q = past; q < keys; q++)
            {
                for (var k = 0; k < keys; k++, at++)
                {
                    var (query, key) = (row.Places[q], row.Places[k]);
                    var relation = Relation(row, query, key);
                    result[at] = relation == 0
                        ? RelativeDistanceBias.Bucket(key.Position - query.Position, buckets, maxDistance, bothSides: true)
                        : buckets + relation - 1;
                    hidden[at] = !Sees(query, key, k <= q);
                }
            }
        }

        return (result, hidden);
    }

    private static long Relation(CpmBeeRow row, CpmBeePlace query, CpmBeePlace key)
    {
        if (query.Sample != key.Sample || query.Span != key.Span)
            return 1;
        var index = query.RelationsStart + (query.Segment * query.Segments) + key.Segment;
        return index < row.Relations.Count ? row.Relations[(int)index] : 0;
    }

    /// <summary>What is given sees all that is given; answers see that too, and what stands before them. Only the sample itself sees its examples.</summary>
    private static bool Sees(CpmBeePlace query, CpmBeePlace key, bool before) =>
        (key.IsGiven || (!query.IsGiven && before))
        && (query.Sample == 0 || query.Sample == key.Sample)
        && query.Span == key.Span && query.IsReal && key.IsReal;
}
