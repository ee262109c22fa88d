using System.Globalization;

namespace Peft.Core.Data.Import.Formats;

/// <summary>A span as a file says it, in the file's unit.</summary>
internal sealed record RawSpan(string Id, IReadOnlyList<(int Start, int End)> Pieces, string? Text, string? Type)
{
    public List<string> Notes { get; } = [];

    public Dictionary<string, string?> Attributes { get; } = [];
}

/// <summary>A relation as a file says it.</summary>
internal sealed record RawRelation(string From, string To, string? Type, bool Symmetric);

/// <summary>What spans of a file prove about the unit of its offsets.</summary>
internal sealed class UnitEvidence(OffsetUnit? chosen)
{
    private int codePointText;
    private int unitText;
    private int provenUnits;
    private int provenPoints;
    private int undecided;

    /// <summary>Whether spans carried their words, which decide.</summary>
    private bool HasWords => codePointText + unitText > 0;

    /// <summary>The unit to read the file in.</summary>
    public OffsetUnit Unit => HasWords ? unitText > codePointText ? OffsetUnit.Utf16 : OffsetUnit.CodePoint
        : provenUnits > 0 && provenPoints == 0 ? OffsetUnit.Utf16
        : chosen ?? OffsetUnit.CodePoint;

    /// <summary>Whether the units give different spans and the file does not say which is right.</summary>
    public bool IsAmbiguous => !HasWords && undecided + provenPoints > 0 && !(provenUnits > 0 && provenPoints == 0);

    /// <summary>Whether a person has to decide.</summary>
    public bool Asks => IsAmbiguous && chosen is null;

    public void Add(string text, IEnumerable<RawSpan> spans)
    {
        CodePoints? points = null;
        foreach (var span in spans)
        {
            points ??= new CodePoints(text);
            if (!points.Differ)
                return;
            foreach (var (start, end) in span.Pieces)
                Add(text, points, start, end, span.Pieces.Count == 1 ? span.Text : null);
        }
    }

    private void Add(string text, CodePoints points, int start, int end, string? words)
    {
        var (byPoint, byUnit) = (points.Place(start, end, OffsetUnit.CodePoint), points.Place(start, end, OffsetUnit.Utf16));
        if (words is not null)
        {
            var (point, unit) = (byPoint is { } p && text[p.Start..p.End] == words, byUnit is { } u && text[u.Start..u.End] == words);
            codePointText += point && !unit ? 1 : 0;
            unitText += unit && !point ? 1 : 0;
            return;
        }

        if (byPoint is null && byUnit is not null)
            provenUnits++;
        else if (byUnit is null && byPoint is not null)
            provenPoints++;
        else if (byUnit != byPoint)
            undecided++;
    }

    /// <summary>What a person has to be told.</summary>
    public IEnumerable<ImportNote> Notes()
    {
        if (IsAmbiguous)
        {
            yield return ImportNote.Told("offset-unit-ambiguous",
                $"Offsets may count code points or UTF-16 units: the file does not say, and some spans differ ({undecided} fit both, {provenPoints} fit code points alone, {provenUnits} fit UTF-16 alone). They are read as {Words(Unit)}.");
        }
        else if (Unit == OffsetUnit.Utf16)
        {
            yield return ImportNote.Told("offset-unit-detected", $"Offsets count {Words(Unit)}, as the spans show.");
        }
    }

    private static string Words(OffsetUnit unit) => unit == OffsetUnit.Utf16 ? "UTF-16 units" : "code points";
}

/// <summary>
/// Makes entities and relations of what a file says: places spans in the text by their words, merges duplicates, and names everything that
/// cannot be kept.
/// </summary>
internal sealed class AnnotationBuilder(string text, OffsetUnit unit, List<ImportNote> notes)
{
    private readonly CodePoints points = new(text);
    private readonly List<ImportedEntity> entities = [];
    private readonly Dictionary<string, ImportedEntity> byId = new(StringComparer.Ordinal);
    private readonly List<(ImportedEntity Head, ImportedEntity Tail, string? Type, bool Symmetric)> relations = [];

    /// <summary>Entities and relations in their order.</summary>
    public (IReadOnlyList<ImportedEntity> Entities, IReadOnlyList<ImportedRelation> Relations) Build(IReadOnlyList<RawSpan> spans, IReadOnlyList<RawRelation> links)
    {
        foreach (var span in spans)
            Add(span);
        var order = entities
            .OrderBy(entity => entity.StartCodePoint).ThenByDescending(entity => entity.EndCodePoint).ThenBy(entity => entity.Type, StringComparer.Ordinal).ToList();
        foreach (var link in links)
            Add(link);
        var index = new Dictionary<object, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < order.Count; i++)
            index[order[i]] = i;
        var kept = relations
            .Select((relation, i) => new ImportedRelation(index[relation.Head], index[relation.Tail], relation.Type, relation.Symmetric) { Sequence = i })
            .OrderBy(relation => relation.Head).ThenBy(relation => relation.Tail).ThenBy(relation => relation.Type, StringComparer.Ordinal).ToList();
        return (order, kept);
    }

    /// <summary>Index of an entity of the file among those that were built; null when it was not kept.</summary>
    public int? IndexOf(string id, IReadOnlyList<ImportedEntity> order)
    {
        if (!byId.TryGetValue(id, out var entity))
            return null;
        for (var i = 0; i < order.Count; i++)
        {
            if (ReferenceEquals(order[i], entity))
                return i;
        }

        return null;
    }

    private void Add(RawSpan span)
    {
        var entity = span.Pieces.Count == 1 ? Whole(span) : Gapped(span);
        if (entity is null)
            return;
        var same = entities.Find(other => other.Type == entity.Type && other.Start == entity.Start && other.End == entity.End && other.Fragments.SequenceEqual(entity.Fragments));
        if (same is not null)
        {
            notes.Add(ImportNote.Changed("duplicate-entity", $"'{entity.Text}' at {entity.StartCodePoint} is marked twice as {entity.Type}; one is kept."));
            byId.TryAdd(span.Id, same);
            return;
        }

        entities.Add(entity);
        if (!byId.TryAdd(span.Id, entity))
            notes.Add(ImportNote.Changed("duplicate-id", $"Two spans are called '{span.Id}'; relations go to the first."));
    }

    private ImportedEntity? Whole(RawSpan span)
    {
        var (start, end) = span.Pieces[0];
        var place = points.Place(start, end, unit);
        if (span.Text is { Length: > 0 } words && (place is not { } found || text[found.Start..found.End] != words))
        {
            var other = points.Place(start, end, unit == OffsetUnit.Utf16 ? OffsetUnit.CodePoint : OffsetUnit.Utf16);
            var first = text.IndexOf(words, StringComparison.Ordinal);
            var once = first >= 0 && text.IndexOf(words, first + 1, StringComparison.Ordinal) < 0;
            var repaired = other is { } by && text[by.Start..by.End] == words ? by : once ? (first, first + words.Length) : ((int Start, int End)?)null;
            if (repaired is not { } right)
            {
                var how = first < 0 ? "the text does not hold it" : "the text holds it several times";
                notes.Add(place is null
                    ? Out(span, start, end, how)
                    : ImportNote.Changed("offset-text-mismatch-refused", $"Span '{span.Id}' says '{words}', but [{start}, {end}) is '{text[place.Value.Start..place.Value.End]}', and {how}: the span is left out."));
                return null;
            }

            notes.Add(ImportNote.Changed("offset-text-mismatch-repaired", $"Span '{span.Id}' says '{words}', which does not stand at [{start}, {end}); it is found at {points.FromUtf16(right.Start)}."));
            place = right;
        }

        if (place is not { } at)
        {
            notes.Add(Out(span, start, end, "the text ends before it or a character is cut"));
            return null;
        }

        return new ImportedEntity(text[at.Start..at.End], span.Type, at.Start, at.End, points.FromUtf16(at.Start) ?? 0, points.FromUtf16(at.End) ?? 0)
        {
            Notes = span.Notes, Attributes = span.Attributes,
        };
    }

    private ImportedEntity? Gapped(RawSpan span)
    {
        var places = span.Pieces.Select(piece => points.Place(piece.Start, piece.End, unit)).ToList();
        if (places.Contains(null))
        {
            notes.Add(Out(span, span.Pieces[0].Start, span.Pieces[^1].End, "the text ends before it or a character is cut"));
            return null;
        }

        var pieces = places.Select(place => (Start: points.FromUtf16(place!.Value.Start) ?? 0, End: points.FromUtf16(place.Value.End) ?? 0)).OrderBy(piece => piece.Start).ToList();
        notes.Add(ImportNote.Told("discontinuous-span", $"'{span.Text}' has gaps: its pieces are kept, and where only one piece can be shown, the stretch from the first to the last."));
        var (from, to) = (places.Min(place => place!.Value.Start), places.Max(place => place!.Value.End));
        return new ImportedEntity(span.Text ?? string.Join(' ', places.Select(place => text[place!.Value.Start..place.Value.End])), span.Type, from, to, pieces[0].Start, pieces.Max(piece => piece.End))
        {
            Fragments = pieces, Notes = span.Notes, Attributes = span.Attributes,
        };
    }

    private void Add(RawRelation link)
    {
        var missing = !byId.ContainsKey(link.From) ? link.From : !byId.ContainsKey(link.To) ? link.To : null;
        if (missing is not null)
        {
            notes.Add(ImportNote.Changed("dangling-relation-refused", $"A relation '{link.Type}' goes from '{link.From}' to '{link.To}', but there is no span '{missing}': the relation is left out."));
            return;
        }

        var (head, tail) = (byId[link.From], byId[link.To]);
        if (link.Type is null)
            notes.Add(ImportNote.Told("relation-without-type", $"The relation from '{head.Text}' to '{tail.Text}' has no type."));
        var twice = relations.Any(other => other.Type == link.Type
            && ((ReferenceEquals(other.Head, head) && ReferenceEquals(other.Tail, tail)) || (link.Symmetric && other.Symmetric && ReferenceEquals(other.Head, tail) && ReferenceEquals(other.Tail, head))));
        if (twice)
            notes.Add(ImportNote.Changed("duplicate-relation", $"'{link.Type}' from '{head.Text}' to '{tail.Text}' is given twice; one is kept."));
        else
            relations.Add((head, tail, link.Type, link.Symmetric));
    }

    private ImportNote Out(RawSpan span, int start, int end, string why) => ImportNote.Changed("span-out-of-range-refused",
        string.Create(CultureInfo.InvariantCulture, $"Span '{span.Id}' covers [{start}, {end}), but the text has {points.Count} code points ({text.Length} UTF-16 units), and {why}: the span is left out."));
}
