namespace Peft.Core.Evaluation.Texts;

/// <summary>
/// English words without their endings. Source: Porter 1980 with the extensions that NLTK's stemmer has by default (irregular forms, short
/// words left alone, <c>ied</c> and <c>ies</c>, <c>y</c> behind vowels).
/// </summary>
public static class PorterStemmer
{
    private static readonly Dictionary<string, string> s_irregular = new(StringComparer.Ordinal)
    {
        ["sky"] = "sky", ["skies"] = "sky", ["dying"] = "die", ["lying"] = "lie", ["tying"] = "tie", ["news"] = "news", ["innings"] = "inning",
        ["inning"] = "inning", ["outings"] = "outing", ["outing"] = "outing", ["cannings"] = "canning", ["canning"] = "canning", ["howe"] = "howe",
        ["proceed"] = "proceed", ["exceed"] = "exceed", ["succeed"] = "succeed",
    };

    private static readonly (string Ending, string With)[] s_second =
    [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"), ("entli", "ent"),
        ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"),
        ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
    ];

    private static readonly (string Ending, string With)[] s_third =
        [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

    private static readonly string[] s_fourth =
        ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"];

    /// <summary>The stem of a word.</summary>
    public static string Stem(string word)
    {
        ArgumentNullException.ThrowIfNull(word);
        word = word.ToLowerInvariant();
        if (s_irregular.TryGetValue(word, out var known))
            return known;
        return word.Length <= 2 ? word : Final(Fourth(Third(Second(YToI(Past(Plural(word)))))));
    }

    private static string Plural(string word)
    {
        if (Ends(word, "ies"))
            return word.Length == 4 ? word[..^1] : word[..^2];
        if (Ends(word, "sses"))
            return word[..^2];
        return Ends(word, "s") && !Ends(word, "ss") ? word[..^1] : word;
    }

    private static string Past(string word)
    {
        if (Ends(word, "ied"))
            return word.Length == 4 ? word[..^1] : word[..^2];
        if (Ends(word, "eed"))
            return Measure(word[..^3]) > 0 ? word[..^1] : word;
        var stem = Ends(word, "ed") && HasVowel(word[..^2]) ? word[..^2] : Ends(word, "ing") && HasVowel(word[..^3]) ? word[..^3] : null;
        if (stem is null)
            return word;
        if (Ends(stem, "at") || Ends(stem, "bl") || Ends(stem, "iz"))
            return stem + "e";
        if (IsDouble(stem))
            return stem[^1] is 'l' or 's' or 'z' ? stem : stem[..^1];
        return Measure(stem) == 1 && IsShort(stem) ? stem + "e" : stem;
    }

    private static string YToI(string word) => Ends(word, "y") && word.Length > 2 && IsConsonant(word, word.Length - 2) ? word[..^1] + "i" : word;

    private static string Second(string word)
    {
        if (Ends(word, "alli") && Measure(word[..^4]) > 0)
            return Second(word[..^2]);
        foreach (var (ending, with) in s_second)
        {
            if (Ends(word, ending))
                return Measure(word[..^ending.Length]) > 0 ? word[..^ending.Length] + with : word;
        }

        // Here the l counts as part of the stem, so that geology and theology go the same way as archaeology.
        return Ends(word, "logi") && Measure(word[..^3]) > 0 ? word[..^1] : word;
    }

    private static string Third(string word)
    {
        foreach (var (ending, with) in s_third)
        {
            if (Ends(word, ending))
                return Measure(word[..^ending.Length]) > 0 ? word[..^ending.Length] + with : word;
        }

        return word;
    }

    private static string Fourth(string word)
    {
        foreach (var ending in s_fourth)
        {
            if (!Ends(word, ending))
                continue;
            var stem = word[..^ending.Length];
            return Measure(stem) > 1 && (ending != "ion" || stem[^1] is 's' or 't') ? stem : word;
        }

        return word;
    }

    private static string Final(string word)
    {
        if (Ends(word, "e"))
        {
            var stem = word[..^1];
            if (Measure(stem) > 1 || (Measure(stem) == 1 && !IsShort(stem)))
                word = stem;
        }

        return Ends(word, "ll") && Measure(word[..^1]) > 1 ? word[..^1] : word;
    }

    private static bool Ends(string word, string ending) => word.EndsWith(ending, StringComparison.Ordinal);

    private static bool IsConsonant(string word, int i) =>
        word[i] is not ('a' or 'e' or 'i' or 'o' or 'u') && (word[i] != 'y' || i == 0 || !IsConsonant(word, i - 1));

    private static bool HasVowel(string stem) => Enumerable.Range(0, stem.Length).Any(i => !IsConsonant(stem, i));

    /// <summary>How often a vowel is followed by a consonant.</summary>
    private static int Measure(string stem) => Enumerable.Range(1, Math.Max(0, stem.Length - 1)).Count(i => IsConsonant(stem, i) && !IsConsonant(stem, i - 1));

    private static bool IsDouble(string word) => word.Length >= 2 && word[^1] == word[^2] && IsConsonant(word, word.Length - 1);

    /// <summary>Ends in consonant, vowel, consonant other than w, x and y, or is a vowel and a consonant.</summary>
    private static bool IsShort(string word) => word.Length == 2
        ? !IsConsonant(word, 0) && IsConsonant(word, 1)
        : word.Length > 2 && IsConsonant(word, word.Length - 3) && !IsConsonant(word, word.Length - 2) && IsConsonant(word, word.Length - 1) && word[^1] is not ('w' or 'x' or 'y');
}
