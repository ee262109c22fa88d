using System.Text;

namespace Peft.Core.Tokenization;

/// <summary>Places in a text, counted in UTF-16 units (as .NET does) or in code points (as Python does).</summary>
public static class TextOffsets
{
    /// <summary>Code points before a place given in UTF-16 units; an unpaired surrogate counts as one.</summary>
    public static int CodePoints(string text, int utf16)
    {
        ArgumentNullException.ThrowIfNull(text);
        var (points, at) = (0, 0);
        while (at < utf16 && at < text.Length)
        {
            at += Length(text, at);
            points++;
        }

        return points;
    }

    /// <summary>UTF-16 units before a place given in code points.</summary>
    public static int Utf16(string text, int codePoints)
    {
        ArgumentNullException.ThrowIfNull(text);
        var at = 0;
        for (var i = 0; i < codePoints && at < text.Length; i++)
            at += Length(text, at);
        return at;
    }

    private static int Length(string text, int at) => Rune.TryGetRuneAt(text, at, out var rune) ? rune.Utf16SequenceLength : 1;
}
