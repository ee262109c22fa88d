using Workbench.Client.Contracts;

namespace Workbench.Client.Features.Datasets;

/// <summary>A stretch of a passage; <c>Entity</c> is the index of the name it shows, null for text between names.</summary>
public sealed record PassagePiece(string Text, int? Entity);

/// <summary>An arc between two names, by their indexes.</summary>
public sealed record RelationArc(int Head, int Tail, string Relation);

/// <summary>A passage cut at the names that its triples mention, ready to be drawn with colours and arcs.</summary>
public sealed class RelationSpans
{
    private RelationSpans(IReadOnlyList<string> names, IReadOnlyList<PassagePiece> pieces, IReadOnlyList<RelationArc> arcs, IReadOnlyList<string> missing)
    {
        Names = names;
        Pieces = pieces;
        Arcs = arcs;
        Missing = missing;
    }

    /// <summary>Every name of the triples, in the order of its first mention.</summary>
    public IReadOnlyList<string> Names { get; }

    public IReadOnlyList<PassagePiece> Pieces { get; }

    public IReadOnlyList<RelationArc> Arcs { get; }

    /// <summary>Names that the passage does not contain: a triple that no reader could have extracted.</summary>
    public IReadOnlyList<string> Missing { get; }

    public static RelationSpans Of(string passage, IReadOnlyList<TripleDto> triples)
    {
        var names = triples.SelectMany(triple => new[] { triple.Head.Trim(), triple.Tail.Trim() }).Where(name => name.Length > 0).Distinct().ToList();
        names = [.. names.OrderBy(name => Place(passage, name)).ThenByDescending(name => name.Length)];
        var missing = names.Where(name => !passage.Contains(name, StringComparison.Ordinal)).ToArray();
        var arcs = triples
            .Select(triple => new RelationArc(names.IndexOf(triple.Head.Trim()), names.IndexOf(triple.Tail.Trim()), triple.Relation.Trim()))
            .Where(arc => arc.Head >= 0 && arc.Tail >= 0 && !missing.Contains(names[arc.Head]) && !missing.Contains(names[arc.Tail]))
            .Distinct().ToArray();
        return new(names, Cut(passage, names), arcs, missing);
    }

    /// <summary>The longest name wins where several begin at one place.</summary>
    private static List<PassagePiece> Cut(string passage, List<string> names)
    {
        var pieces = new List<PassagePiece>();
        var byLength = names.Index().OrderByDescending(name => name.Item.Length).ToArray();
        var plain = 0;
        for (var at = 0; at < passage.Length;)
        {
            var (index, name) = byLength.FirstOrDefault(candidate => string.CompareOrdinal(passage, at, candidate.Item, 0, candidate.Item.Length) == 0, (Index: -1, Item: ""));
            if (index < 0)
            {
                at++;
                continue;
            }

            if (at > plain)
                pieces.Add(new(passage[plain..at], null));
            pieces.Add(new(name, index));
            plain = at += name.Length;
        }

        if (plain < passage.Length)
            pieces.Add(new(passage[plain..], null));
        return pieces;
    }

    private static int Place(string passage, string name)
    {
        var place = passage.IndexOf(name, StringComparison.Ordinal);
        return place < 0 ? int.MaxValue : place;
    }
}
