using System.Globalization;
using System.Text;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>Unicode's normal forms with the places of characters: what was split shares a place, what was joined takes the first.</summary>
internal static class UnicodeForms
{
    /// <summary>A text in a normal form.</summary>
    public static AlignedText Apply(AlignedText text, NormalizationForm form)
    {
        if (IsNormalized(text.Text, form))
            return text;
        var changes = new List<(string, int)>();
        var cluster = new List<Rune>();
        void Close()
        {
            if (cluster.Count > 0)
                changes.AddRange(Changes(cluster, form));
            cluster.Clear();
        }

        // A character with the marks behind it is normalised as one, so that marks are put in order and composed.
        foreach (var rune in text.Runes())
        {
            if (!Joins(rune))
                Close();
            cluster.Add(rune);
        }

        Close();
        return text.Transform(changes);
    }

    /// <summary>Marks of every kind.</summary>
    public static bool IsMark(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static IEnumerable<(string Now, int Change)> Changes(List<Rune> cluster, NormalizationForm form)
    {
        var (compatible, composes) = (form is NormalizationForm.FormKC or NormalizationForm.FormKD, form is NormalizationForm.FormC or NormalizationForm.FormKC);
        var decomposition = compatible ? NormalizationForm.FormKD : NormalizationForm.FormD;
        var whole = string.Concat(cluster);
        var parts = new List<(Rune Part, int Change)>();
        foreach (var rune in cluster)
        {
            var first = true;
            foreach (var part in Normalize(rune.ToString(), decomposition).EnumerateRunes())
            {
                parts.Add((part, first ? 0 : 1));
                first = false;
            }
        }

        int Take(Rune part)
        {
            var place = parts.FindIndex(entry => entry.Part == part);
            if (place < 0)
                return 1;
            var change = parts[place].Change;
            parts.RemoveAt(place);
            return change;
        }

        foreach (var now in Normalize(whole, form).EnumerateRunes())
        {
            if (!composes)
            {
                yield return (now.ToString(), Take(now));
                continue;
            }

            var made = Normalize(now.ToString(), NormalizationForm.FormD).EnumerateRunes().ToArray();
            yield return (now.ToString(), made.Sum(Take) - (made.Length - 1));
        }
    }

    private static bool IsNormalized(string text, NormalizationForm form)
    {
        try
        {
            return text.IsNormalized(form);
        }
        catch (ArgumentException)
        {
            return false; // an unpaired surrogate
        }
    }

    private static string Normalize(string text, NormalizationForm form)
    {
        try
        {
            return text.Normalize(form);
        }
        catch (ArgumentException)
        {
            return text;
        }
    }

    /// <summary>Marks, and the middle and last letters of a Korean syllable.</summary>
    private static bool Joins(Rune rune) => IsMark(rune) || rune.Value is (>= 0x1160 and <= 0x11FF) or (>= 0xFF9E and <= 0xFF9F);
}
