using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>Cuts a text into words, within which the model works: one step of <c>pre_tokenizer</c> in <c>tokenizer.json</c>.</summary>
internal delegate IEnumerable<AlignedText> PreTokenizer(AlignedText text);

/// <summary>What happens to what is matched when a text is cut.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Makes pre-tokenizers from their JSON.</summary>
internal static class PreTokenizers
{
    /// <summary>The step that a node describes; null leaves texts whole.</summary>
    /// <exception cref="PeftException">A type that is not known.</exception>
    public static PreTokenizer Read(JsonNode? node, PipelineJson json) => node is null ? text => [text] : json.Type(node) switch
    {
        "Sequence" => Sequence([.. json.List(node, "pretokenizers").Select(step => Read(step, json))]),
        "ByteLevel" => ByteLevel(json.Flag(node, "add_prefix_space", true), json.Flag(node, "use_regex", true)),
        "Split" => Split(json.Pattern(node), Behavior(json.Text(node, "behavior"), json), json.Flag(node, "invert", false)),
        "Whitespace" => Split(new Regex(RustPattern.Translate(@"\w+|[^\w\s]+"), RegexOptions.CultureInvariant), SplitBehavior.Removed, invert: true),
        "WhitespaceSplit" => ByCharacter(Characters.IsWhiteSpace, SplitBehavior.Removed),
        "BertPreTokenizer" => Sequence([ByCharacter(Characters.IsWhiteSpace, SplitBehavior.Removed), ByCharacter(Characters.IsPunctuation, SplitBehavior.Isolated)]),
        "Punctuation" => ByCharacter(Characters.IsPunctuation, Behavior(json.Text(node, "behavior") ?? "Isolated", json)),
        "Digits" => ByCharacter(Characters.IsNumeric, json.Flag(node, "individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous),
        "CharDelimiterSplit" => ByCharacter(rune => rune.ToString() == json.Text(node, "delimiter"), SplitBehavior.Removed),
        "UnicodeScripts" => UnicodeScripts.Cut,
        "FixedLength" => FixedLength(json.Whole(node, "length") ?? 5),
        "Metaspace" => Metaspace(node, json),
        var other => throw json.Unknown("pre_tokenizer", other, "Sequence, ByteLevel, Split, Whitespace, WhitespaceSplit, BertPreTokenizer, Punctuation, Digits, CharDelimiterSplit, UnicodeScripts, FixedLength, Metaspace"),
    };

    private static PreTokenizer Sequence(PreTokenizer[] steps) =>
        text => steps.Aggregate((IEnumerable<AlignedText>)[text], (words, step) => words.SelectMany(word => step(word)));

    private static PreTokenizer ByteLevel(bool prefixSpace, bool regex)
    {
        var rule = new SplitRule(SplitRule.Gpt2Pattern);
        return text =>
        {
            if (prefixSpace && !text.Text.StartsWith(' '))
                text = text.Prepend(" ");
            return regex ? rule.Split(text.Text).Select(part => ByteLevelPieces.Encode(text.Slice(part.Start, part.End))) : [ByteLevelPieces.Encode(text)];
        };
    }

    private static PreTokenizer Split(Regex pattern, SplitBehavior behavior, bool invert)
    {
        var rule = new SplitRule(pattern);
        return text => Cut(text, rule.Matches(text.Text), behavior, invert);
    }

    private static PreTokenizer ByCharacter(Func<Rune, bool> matches, SplitBehavior behavior) => text =>
    {
        var found = new List<(int, int)>();
        var at = 0;
        foreach (var rune in text.Runes())
        {
            if (matches(rune))
                found.Add((at, at + rune.Utf16SequenceLength));
            at += rune.Utf16SequenceLength;
        }

        return Cut(text, found, behavior, invert: false);
    };

    private static PreTokenizer FixedLength(int length) => text =>
    {
        var (cuts, at, count) = (new List<(int, int)>(), 0, 0);
        var start = 0;
        foreach (var rune in text.Runes())
        {
            at += rune.Utf16SequenceLength;
            if (++count % Math.Max(1, length) == 0)
            {
                cuts.Add((start, at));
                start = at;
            }
        }

        if (start < at)
            cuts.Add((start, at));
        return cuts.Select(cut => text.Slice(cut.Item1, cut.Item2));
    };

    private static PreTokenizer Metaspace(JsonNode node, PipelineJson json)
    {
        var replacement = json.Text(node, "replacement") ?? "▁";
        var scheme = json.Text(node, "prepend_scheme") ?? (json.Flag(node, "add_prefix_space", true) ? "always" : "never");
        var split = json.Flag(node, "split", true);
        return text =>
        {
            text = text.Map(rune => rune.Value == ' ' ? replacement : rune.ToString());
            var first = text.Origin(0, Math.Min(1, text.Text.Length)).Start == 0;
            if (!text.Text.StartsWith(replacement, StringComparison.Ordinal) && (scheme == "always" || (scheme == "first" && first)))
                text = text.Prepend(replacement);
            return split ? Cut(text, Occurrences(text.Text, replacement), SplitBehavior.MergedWithNext, invert: false) : [text];
        };
    }

    private static IEnumerable<(int, int)> Occurrences(string text, string part)
    {
        for (var at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + part.Length, StringComparison.Ordinal))
            yield return (at, at + part.Length);
    }

    private static IEnumerable<AlignedText> Cut(AlignedText text, IEnumerable<(int Start, int End)> matches, SplitBehavior behavior, bool invert)
    {
        var parts = new List<(int Start, int End, bool Match)>();
        var at = 0;
        foreach (var (start, end) in matches)
        {
            if (start > at)
                parts.Add((at, start, invert));
            parts.Add((start, end, !invert));
            at = end;
        }

        if (at < text.Text.Length)
            parts.Add((at, text.Text.Length, invert));
        return Join(parts, behavior).Where(part => part.End > part.Start).Select(part => text.Slice(part.Start, part.End));
    }

    private static List<(int Start, int End)> Join(List<(int Start, int End, bool Match)> parts, SplitBehavior behavior)
    {
        var joined = new List<(int Start, int End)>();
        for (var i = 0; i < parts.Count; i++)
        {
            var (start, end, match) = parts[i];
            var joins = i > 0 && behavior switch
            {
                SplitBehavior.MergedWithPrevious => match && !parts[i - 1].Match,
                SplitBehavior.MergedWithNext => !match && parts[i - 1].Match,
                SplitBehavior.Contiguous => match == parts[i - 1].Match,
                _ => false,
            };
            if (behavior == SplitBehavior.Removed && match)
                continue;
            if (joins && joined.Count > 0 && joined[^1].End == start)
                joined[^1] = (joined[^1].Start, end);
            else
                joined.Add((start, end));
        }

        return joined;
    }

    private static SplitBehavior Behavior(string? name, PipelineJson json) => Enum.TryParse<SplitBehavior>(name, out var known)
        ? known
        : throw json.Unknown("split behavior", name ?? "null", string.Join(", ", Enum.GetNames<SplitBehavior>()));
}
