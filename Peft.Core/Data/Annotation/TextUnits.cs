using System.Globalization;
using System.Text;

namespace Peft.Core.Data.Annotation;

/// <summary>What an offset into a text counts.</summary>
public enum OffsetUnit
{
    /// <summary>UTF-16 code units, as strings of .NET and of browsers count.</summary>
    Utf16,

    /// <summary>Unicode code points, as strings of Python count.</summary>
    CodePoint,

    /// <summary>Grapheme clusters: what a reader calls a character.</summary>
    Grapheme,

    /// <summary>Bytes of UTF-8.</summary>
    Utf8,
}

/// <summary>
/// The places of one text in every unit. An annotation lives in UTF-16 and never cuts a grapheme cluster (Unicode annex 29); other units exist
/// only where texts go to other tools or come from them.
/// </summary>
public sealed class TextUnits
{
    private readonly int[] _clusters;
    private readonly int[] _points;
    private readonly int[] _bytes;

    /// <summary>Measures a text.</summary>
    public TextUnits(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Text = text;
        _clusters = [.. StringInfo.ParseCombiningCharacters(text), text.Length];
        var points = new List<int>();
        var bytes = new List<int>();
        var written = 0;
        for (var at = 0; at < text.Length;)
        {
            points.Add(at);
            bytes.Add(written);
            // Half a pair that stands alone counts as one of everything; it is written as the replacement character.
            var whole = Rune.TryGetRuneAt(text, at, out var rune);
            written += whole ? rune.Utf8SequenceLength : Rune.ReplacementChar.Utf8SequenceLength;
            at += whole ? rune.Utf16SequenceLength : 1;
        }

        _points = [.. points, text.Length];
        _bytes = [.. bytes, written];
    }

    /// <summary>The text itself.</summary>
    public string Text { get; }

    /// <summary>Number of grapheme clusters.</summary>
    public int ClusterCount => _clusters.Length - 1;

    /// <summary>True when a cluster begins or the text ends here.</summary>
    /// <param name="offset">UTF-16.</param>
    public bool IsBoundary(int offset) => Array.BinarySearch(_clusters, offset) >= 0;

    /// <summary>The smallest stretch of whole clusters that holds the given one, both in UTF-16.</summary>
    /// <exception cref="PeftException">The stretch is empty or lies outside the text.</exception>
    public (int Start, int End) Snap(int start, int end)
    {
        if (start < 0 || end > Text.Length || start >= end)
            throw new PeftException($"The stretch from {start} to {end} is empty or lies outside the text, which has {Text.Length} characters.");
        var first = Array.BinarySearch(_clusters, start);
        var last = Array.BinarySearch(_clusters, end);
        return (_clusters[first < 0 ? ~first - 1 : first], _clusters[last < 0 ? ~last : last]);
    }

    /// <summary>Clusters longer than one UTF-16 unit as pairs of place and length: all that a page must know to move by characters.</summary>
    public IReadOnlyList<int> LongClusters()
    {
        var pairs = new List<int>();
        for (var i = 0; i < ClusterCount; i++)
        {
            if (_clusters[i + 1] - _clusters[i] > 1)
                pairs.AddRange([_clusters[i], _clusters[i + 1] - _clusters[i]]);
        }

        return pairs;
    }

    /// <summary>An offset in another unit; inside a character it is the place where that character begins.</summary>
    /// <param name="offset">UTF-16, from 0 to the text's length.</param>
    /// <param name="unit">The unit wanted.</param>
    public int To(OffsetUnit unit, int offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Text.Length);
        if (unit == OffsetUnit.Utf16)
            return offset;
        var places = unit == OffsetUnit.Grapheme ? _clusters : _points;
        var found = Array.BinarySearch(places, offset);
        var index = found < 0 ? ~found - 1 : found;
        return unit == OffsetUnit.Utf8 ? _bytes[index] : index;
    }

    /// <summary>The UTF-16 offset of an offset in another unit; null when the text has no such place.</summary>
    public int? From(OffsetUnit unit, int offset)
    {
        switch (unit)
        {
            case OffsetUnit.Utf16:
                return offset >= 0 && offset <= Text.Length ? offset : null;
            case OffsetUnit.Utf8:
                var found = Array.BinarySearch(_bytes, offset);
                return found >= 0 ? _points[found] : null;
            default:
                var places = unit == OffsetUnit.Grapheme ? _clusters : _points;
                return offset >= 0 && offset < places.Length ? places[offset] : null;
        }
    }

    /// <summary>
    /// The unit in which the given stretches show the given words, in the order of the enum where several do; null when none does. Tools of one
    /// name write different units, so a file is judged by the words it carries.
    /// </summary>
    public static OffsetUnit? Detect(IEnumerable<(string Text, int Start, int End, string Words)> marks)
    {
        ArgumentNullException.ThrowIfNull(marks);
        var units = Enum.GetValues<OffsetUnit>().ToList();
        var measured = new Dictionary<string, TextUnits>(StringComparer.Ordinal);
        foreach (var (text, start, end, words) in marks)
        {
            if (!measured.TryGetValue(text, out var places))
                measured[text] = places = new TextUnits(text);
            units.RemoveAll(unit => places.From(unit, start) is not { } from || places.From(unit, end) is not { } to || from > to || text[from..to] != words);
        }

        return units.Count > 0 ? units[0] : null;
    }
}
