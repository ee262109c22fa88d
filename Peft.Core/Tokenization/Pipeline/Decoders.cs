using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>Turns the texts of tokens back into text, step by step: <c>decoder</c> in <c>tokenizer.json</c>.</summary>
internal delegate List<string> TokenDecoder(List<string> tokens);

/// <summary>Makes decoders from their JSON.</summary>
internal static class TokenDecoders
{
    /// <summary>The step that a node describes; null leaves a space between tokens.</summary>
    /// <exception cref="PeftException">A type that is not known.</exception>
    public static TokenDecoder Read(JsonNode? node, PipelineJson json) => node is null ? tokens => [string.Join(' ', tokens)] : json.Type(node) switch
    {
        "Sequence" => Sequence([.. json.List(node, "decoders").Select(step => Read(step, json))]),
        "ByteLevel" => ByteLevel,
        "ByteFallback" => ByteFallback,
        "Fuse" => tokens => [string.Concat(tokens)],
        "Metaspace" => Metaspace(json.Text(node, "replacement") ?? "▁", json.Text(node, "prepend_scheme") ?? (json.Flag(node, "add_prefix_space", true) ? "always" : "never")),
        "WordPiece" => WordPiece(json.Text(node, "prefix") ?? "##", json.Flag(node, "cleanup", true)),
        "BPEDecoder" => Suffix(json.Text(node, "suffix") ?? "</w>"),
        "Strip" => Strip(json.Text(node, "content") ?? " ", json.Whole(node, "start") ?? 0, json.Whole(node, "stop") ?? 0),
        "Replace" => Replace(json.Pattern(node), json.Text(node, "content") ?? ""),
        var other => throw json.Unknown("decoder", other, "Sequence, ByteLevel, ByteFallback, Fuse, Metaspace, WordPiece, BPEDecoder, Strip, Replace"),
    };

    private static TokenDecoder Sequence(TokenDecoder[] steps) => tokens => steps.Aggregate(tokens, (now, step) => step(now));

    private static TokenDecoder Replace(System.Text.RegularExpressions.Regex pattern, string content) => tokens => [.. tokens.Select(token => pattern.Replace(token, content.Replace("$", "$$", StringComparison.Ordinal)))];

    private static List<string> ByteLevel(List<string> tokens) =>
        [Encoding.UTF8.GetString([.. tokens.SelectMany(token => ByteLevelAlphabet.Bytes(token) ?? Encoding.UTF8.GetBytes(token))])];

    /// <summary>Runs of byte tokens become text where they are valid UTF-8, else one U+FFFD each.</summary>
    private static List<string> ByteFallback(List<string> tokens)
    {
        var result = new List<string>();
        var run = new List<byte>();
        void Close()
        {
            if (run.Count == 0)
                return;
            try
            {
                result.Add(new UTF8Encoding(false, throwOnInvalidBytes: true).GetString([.. run]));
            }
            catch (DecoderFallbackException)
            {
                result.AddRange(Enumerable.Repeat("\uFFFD", run.Count));
            }

            run.Clear();
        }

        foreach (var token in tokens)
        {
            if (token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token.EndsWith('>')
                && byte.TryParse(token.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value))
            {
                run.Add(value);
                continue;
            }

            Close();
            result.Add(token);
        }

        Close();
        return result;
    }

    private static TokenDecoder Metaspace(string replacement, string scheme) => tokens =>
    [
        .. tokens.Select((token, i) =>
        {
            var text = token.Replace(replacement, " ", StringComparison.Ordinal);
            return i == 0 && scheme != "never" && text.StartsWith(' ') ? text[1..] : text;
        }),
    ];

    private static TokenDecoder WordPiece(string prefix, bool cleanup) => tokens =>
    [
        .. tokens.Select((token, i) =>
        {
            var text = i == 0 ? token : token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            return cleanup ? CleanUp(text) : text;
        }),
    ];

    private static readonly (string From, string To)[] s_cleanUp =
        [(" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re")];

    /// <summary>Takes out spaces in front of English punctuation and contractions: what <c>clean_up_tokenization_spaces</c> does with a whole text.</summary>
    public static string CleanUpText(string text) =>
        s_cleanUp.Aggregate(text, (now, rule) => now.Replace(rule.From, rule.To, StringComparison.Ordinal));

    /// <summary>The same for the tokens of WordPiece, where "do not" is contracted as well.</summary>
    private static string CleanUp(string text)
    {
        foreach (var (from, to) in s_cleanUp)
        {
            text = text.Replace(from, to, StringComparison.Ordinal);
            if (from == " 'm")
                text = text.Replace(" do not", " don't", StringComparison.Ordinal);
        }

        return text;
    }

    private static TokenDecoder Suffix(string suffix) => tokens =>
        [.. tokens.Select((token, i) => token.Replace(suffix, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal))];

    private static TokenDecoder Strip(string content, int start, int stop) => tokens =>
    [
        .. tokens.Select(token =>
        {
            var (from, to) = (0, token.Length);
            for (var i = 0; i < start && from < to && token.AsSpan(from).StartsWith(content, StringComparison.Ordinal); i++)
                from += content.Length;
            for (var i = 0; i < stop && to > from && token.AsSpan(from, to - from).EndsWith(content, StringComparison.Ordinal); i++)
                to -= content.Length;
            return token[from..to];
        }),
    ];
}
