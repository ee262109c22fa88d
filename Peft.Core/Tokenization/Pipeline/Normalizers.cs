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
        "NFC" => text => UnicodeForms.Apply(text, NormalizationForm.FormC),
        "NFD" => text => UnicodeForms.Apply(text, NormalizationForm.FormD),
        "NFKC" => text => UnicodeForms.Apply(text, NormalizationForm.FormKC),
        "NFKD" => text => UnicodeForms.Apply(text, NormalizationForm.FormKD),
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
        return text.Rewrite(stretches, byLast: true);
    };

    private static AlignedText Lowercase(AlignedText text) => text.Map(rune => rune.Value == 0x130 ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString());

    private static AlignedText StripAccents(AlignedText text) =>
        text.Map(rune => UnicodeForms.IsMark(rune) ? "" : rune.ToString());

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
                text = StripNonSpacing(UnicodeForms.Apply(text, NormalizationForm.FormD));
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
