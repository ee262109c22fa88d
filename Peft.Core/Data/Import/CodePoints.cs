namespace Peft.Core.Data.Import;

/// <summary>Offsets of a text in code points and in UTF-16 units.</summary>
internal sealed class CodePoints
{
    private readonly string text;
    private readonly int[]? starts;

    /// <param name="text">The text.</param>
    public CodePoints(string text)
    {
        this.text = text;
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            Count = text.Length;
            return;
        }

        var places = new List<int>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            places.Add(i);
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                i++;
        }

        Count = places.Count;
        places.Add(text.Length);
        starts = [.. places];
    }

    /// <summary>Code points in the text.</summary>
    public int Count { get; }

    /// <summary>Whether the two units differ anywhere in it.</summary>
    public bool Differ => starts is not null;

    /// <summary>UTF-16 unit of a code point (or the end); null when it lies outside.</summary>
    public int? ToUtf16(int codePoint) => codePoint < 0 || codePoint > Count ? null : starts is null ? codePoint : starts[codePoint];

    /// <summary>Code point of a UTF-16 unit; null when it lies outside or inside a pair.</summary>
    public int? FromUtf16(int unit)
    {
        if (unit < 0 || unit > text.Length)
            return null;
        if (starts is null)
            return unit;
        var found = Array.BinarySearch(starts, unit);
        return found >= 0 ? found : null;
    }

    /// <summary>UTF-16 units of a span given in some unit; null when it lies outside, is empty, or cuts a character.</summary>
    public (int Start, int End)? Place(int start, int end, OffsetUnit unit)
    {
        if (end <= start)
            return null;
        return unit == OffsetUnit.Utf16
            ? FromUtf16(start) is not null && FromUtf16(end) is not null ? (start, end) : null
            : ToUtf16(start) is { } from && ToUtf16(end) is { } to ? (from, to) : null;
    }
}
