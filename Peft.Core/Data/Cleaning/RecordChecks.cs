using System.Buffers;
using System.Globalization;

namespace Peft.Core.Data.Cleaning;

/// <summary>Rules that look at one record alone.</summary>
internal static class RecordChecks
{
    private static readonly SearchValues<string> s_damage = SearchValues.Create(["\uFFFD", "锟斤拷", "烫烫烫", "屯屯屯", "ï»¿", "â€", "Ã¤", "Ã¥", "Ã¦", "ã€", "æ˜", "ç\u009A\u0084", "å\u0090"], StringComparison.Ordinal);

    /// <summary>Why a record fails a rule; null when it passes.</summary>
    public static string? Check(string rule, CleaningItem item, CleaningOptions options) => rule switch
    {
        "encoding_damage" => Damage(item),
        "empty" => item.Question.Trim().Length == 0 ? "There is no question." : item.IsInstruction && item.Output.Trim().Length == 0 ? "There is no output: a model would learn to answer nothing." : null,
        "too_short" => item.Question.Trim().Length < options.Shortest ? $"The question has {item.Question.Trim().Length} characters; the limit is {options.Shortest}." : null,
        "repetition" => Repetition(item.Output) is var share && share > options.Repetition ? string.Create(CultureInfo.InvariantCulture, $"{share:P0} of the output repeats itself.") : null,
        "language_mismatch" => Mismatch(item),
        "unsupported_output" => Unsupported(item),
        "relation_outside_candidates" => Outside(item),
        "unreadable_output" => item.Candidates is not null && !TripleText.Read(item.Output).Parsed ? "The output cannot be read back as triples." : null,
        _ => throw new PeftException($"Rule '{rule}' is not known."),
    };

    private static string? Damage(CleaningItem item)
    {
        foreach (var (field, text) in new[] { ("instruction", item.Instruction), ("input", item.Input), ("output", item.Output) })
        {
            if (text.AsSpan().IndexOfAny(s_damage) is >= 0 and var at)
                return $"The {field} holds '{text.AsSpan(at, Math.Min(4, text.Length - at))}', as texts do that were read in a wrong encoding.";
            if (Controls(text) || Latin(text))
                return $"The {field} holds characters of text that was read in a wrong encoding.";
        }

        return null;
    }

    private static bool Controls(string text) => text.AsSpan().IndexOfAnyInRange('\u0080', '\u009F') >= 0;

    /// <summary>UTF-8 read as Latin-1: an accented letter followed by marks that no word has.</summary>
    private static bool Latin(string text)
    {
        var hits = 0;
        for (var i = 0; i + 1 < text.Length; i++)
        {
            if (text[i] is >= '\u00C3' and <= '\u00F4' && text[i + 1] is >= '\u00A0' and <= '\u00BF')
                hits++;
        }

        return hits > 1;
    }

    private static string? Unsupported(CleaningItem item)
    {
        if (item.Candidates is null || TripleText.Read(item.Output) is not { Parsed: true } reading)
            return null;
        var passage = Cleaner.Normalised(item.Input);
        foreach (var triple in reading.Triples)
        {
            foreach (var name in (string[])[triple.Head, triple.Tail])
            {
                if (!passage.Contains(Cleaner.Normalised(name), StringComparison.Ordinal))
                    return $"'{name}' does not occur in the input.";
            }
        }

        return null;
    }

    private static string? Outside(CleaningItem item)
    {
        if (item.Candidates is not { } candidates || TripleText.Read(item.Output) is not { Parsed: true } reading)
            return null;
        var triple = reading.Triples.FirstOrDefault(triple => !candidates.Contains(triple.Relation, StringComparer.Ordinal));
        return triple is null ? null : $"'{triple.Relation}' is not among the candidate relations.";
    }

    private static double Repetition(string text)
    {
        const int Length = 10;
        if (text.Length < Length * 4)
            return 0;
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i + Length <= text.Length; i++)
            counts[text.Substring(i, Length)] = counts.GetValueOrDefault(text.Substring(i, Length)) + 1;
        return counts.Values.Where(count => count > 1).Sum() / (double)(text.Length - Length + 1);
    }

    private static string? Mismatch(CleaningItem item)
    {
        if (!item.IsInstruction)
            return null;
        var (question, answer) = (Chinese(item.Question), Chinese(item.Output));
        return question is { } asked && answer is { } said && Math.Abs(asked - said) > 0.8
            ? asked > said ? "The question is Chinese, the output is not." : "The output is Chinese, the question is not."
            : null;
    }

    /// <summary>Share of Chinese among the letters; null when there are too few to tell.</summary>
    private static double? Chinese(string text)
    {
        var (chinese, letters) = (0, 0);
        foreach (var c in text)
        {
            chinese += c is >= '\u4E00' and <= '\u9FFF' ? 1 : 0;
            letters += char.IsLetter(c) ? 1 : 0;
        }

        return letters < 15 ? null : chinese / (double)letters;
    }
}
