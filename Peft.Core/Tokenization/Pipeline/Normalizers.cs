using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>Rewrites a text before it is cut: one step of <c>normalizer</c> in <c>tokenizer.json</c>.</summary>
internal delegate AlignedText Normalizer(AlignedText text);

/// <summary>Makes normalizers from their JSON.</summary>
internal static class Normalizers
{
    /// <summary>The step that a node describes; null leaves texts as they are.</summary>
    /// <exception cref="PeftException">A type that is not known.</exception>
    public static Normalizer Read(JsonNode? node, PipelineJson json) => node is null ? text => text : json.Type(node) switch
    {
        "Sequence" => Sequence([.. json.List(node, "normalizers").Select(step => Read(step, json))]),
        "NFC" => text => Normalized(text, NormalizationForm.FormC),
        "NFD" => text => Normalized(text, NormalizationForm.FormD),
        "NFKC" => text => Normalized(text, NormalizationForm.FormKC),
        "NFKD" => text => Normalized(text, NormalizationForm.FormKD),
        "Lowercase" => Lowercase,
        "StripAccents" => StripAccents,
        "Strip" => Strip(json.Flag(node, "strip_left", true), json.Flag(node, "strip_right", true)),
        "Prepend" => Prepend(json.Text(node, "prepend") ?? ""),
        "Replace" => Replace(json.Pattern(node), json.Text(node, "content") ?? ""),
        "BertNormalizer" => Bert(node, json),
        "Precompiled" => new CharacterMap(json.Text(node, "precompiled_charsmap") ?? "", json).Apply,
        "Nmt" => Nmt,
        "ByteLevel" => text => ByteLevelPieces.Encode(text),
        var other => throw json.Unknown("normalizer", other, "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Prepend, Replace, BertNormalizer, Precompiled, Nmt, ByteLevel"),
    };

    private static Normalizer Sequence(Normalizer[] steps) => text => steps.Aggregate(text, (now, step) => step(now));

    private static Normalizer Prepend(string front) => text => text.Text.Length == 0 ? text : text.Prepend(front);

    private static Normalizer Replace(Regex pattern, string content) => text =>
    {
        var stretches = new List<(int, string)>();
        var at = 0;
        foreach (Match match in pattern.Matches(text.Text))
        {
            if (match.Length == 0)
                continue;
            if (match.Index > at)
                stretches.Add((match.Index - at, text.Text[at..match.Index]));
            stretches.Add((match.Length, content));
            at = match.Index + match.Length;
        }

        if (stretches.Count == 0)
            return text;
        if (at < text.Text.Length)
            stretches.Add((text.Text.Length - at, text.Text[at..]));
        return text.Rewrite(stretches);
    };

    /// <summary>A character with the marks behind it is normalised as one, so that marks are put in order and composed.</summary>
    private static AlignedText Normalized(AlignedText text, NormalizationForm form)
    {
        if (IsNormalized(text.Text, form))
            return text;
        var stretches = new List<(int, string)>();
        var cluster = new StringBuilder();
        void Close()
        {
            if (cluster.Length > 0)
                stretches.AddRange(Paired(cluster.ToString(), Normalize(cluster.ToString(), form)));
            cluster.Clear();
        }

        foreach (var rune in text.Runes())
        {
            if (!Joins(rune))
                Close();
            cluster.Append(rune.ToString());
        }

        Close();
        return text.Rewrite(stretches);
    }

    /// <summary>Which character became which: one by one from the front; what is left over belongs to the last.</summary>
    private static IEnumerable<(int Length, string Now)> Paired(string before, string now)
    {
        var (from, to) = (before.EnumerateRunes().ToArray(), now.EnumerateRunes().Select(r => r.ToString()).ToArray());
        for (var i = 0; i < from.Length; i++)
        {
            var last = i == from.Length - 1;
            yield return (from[i].Utf16SequenceLength, last ? string.Concat(to.Skip(i)) : i < to.Length ? to[i] : "");
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

    private static bool IsMark(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static AlignedText Lowercase(AlignedText text) => text.Map(rune => rune.Value == 0x130 ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString());

    private static AlignedText StripAccents(AlignedText text) =>
        text.Map(rune => IsMark(rune) ? "" : rune.ToString());

    private static AlignedText StripNonSpacing(AlignedText text) =>
        text.Map(rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark ? "" : rune.ToString());

    private static Normalizer Strip(bool left, bool right) => text =>
    {
        var (from, to) = (0, text.Text.Length);
        while (left && from < to && Characters.IsWhiteSpace(text.Text[from]))
            from++;
        while (right && to > from && Characters.IsWhiteSpace(text.Text[to - 1]))
            to--;
        return text.Slice(from, to);
    };

    private static Normalizer Bert(JsonNode node, PipelineJson json)
    {
        var lower = json.Flag(node, "lowercase", true);
        var strip = node["strip_accents"] is null ? lower : json.Flag(node, "strip_accents", lower);
        var clean = json.Flag(node, "clean_text", true);
        var chinese = json.Flag(node, "handle_chinese_chars", true);
        return text =>
        {
            if (clean)
                text = text.Map(rune => rune.Value is 0 or 0xFFFD || Characters.IsControl(rune) ? "" : Characters.IsWhiteSpace(rune) ? " " : rune.ToString());
            if (chinese)
                text = text.Map(rune => Characters.IsChinese(rune) ? $" {rune} " : rune.ToString());
            if (strip)
                text = StripNonSpacing(Normalized(text, NormalizationForm.FormD));
            return lower ? Lowercase(text) : text;
        };
    }

    private static AlignedText Nmt(AlignedText text) => text.Map(rune => rune.Value switch
    {
        (>= 0x01 and <= 0x08) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or 0x8F or 0x9F => "",
        0x09 or 0x0A or 0x0C or 0x0D or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD => " ",
        _ => rune.ToString(),
    });
}
