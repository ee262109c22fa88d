using System.Globalization;
using System.Text;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>The script of a character, for texts that are cut where the script changes. Source: Unicode Character Database, third_party/unicode.</summary>
internal static class UnicodeScripts
{
    private const string Han = "Han";

    private static readonly Lazy<(int[] Starts, int[] Ends, string[] Names)> s_table = new(Read);

    /// <summary>
    /// Cuts where the script changes. Blanks and characters without a script belong to what stands before them; what a text begins with of
    /// these is left out, as the reference does.
    /// </summary>
    public static IEnumerable<AlignedText> Cut(AlignedText text)
    {
        var borders = new List<int>();
        string? last = null;
        var at = 0;
        foreach (var rune in text.Runes())
        {
            if (Of(rune) is { } script)
            {
                if (script != last)
                    borders.Add(at);
                last = script;
            }

            at += rune.Utf16SequenceLength;
        }

        borders.Add(text.Text.Length);
        for (var i = 0; i + 1 < borders.Count; i++)
            yield return text.Slice(borders[i], borders[i + 1]);
    }

    /// <summary>Japanese is one script here, with Chinese; null for a blank or a character without a script.</summary>
    private static string? Of(Rune rune)
    {
        if (rune.Value == ' ')
            return null;
        if (rune.Value == 0x30FC)
            return Han;
        var (starts, ends, names) = s_table.Value;
        var place = Array.BinarySearch(starts, rune.Value);
        if (place < 0)
            place = ~place - 1;
        if (place < 0 || rune.Value > ends[place])
            return null;
        return names[place] is "Hiragana" or "Katakana" ? Han : names[place];
    }

    private static (int[] Starts, int[] Ends, string[] Names) Read()
    {
        using var stream = typeof(UnicodeScripts).Assembly.GetManifestResourceStream("unicode-scripts.txt")!;
        using var reader = new StreamReader(stream);
        var rows = new List<(int Start, int End, string Name)>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            var parts = line.Split(' ');
            rows.Add((int.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), int.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture), parts[2]));
        }

        return ([.. rows.Select(row => row.Start)], [.. rows.Select(row => row.End)], [.. rows.Select(row => row.Name)]);
    }
}
