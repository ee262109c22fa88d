using System.Text;
using System.Text.Json.Nodes;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>One entry of <c>added_tokens</c>: matched in the text before it is cut.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Left out when text is decoded for people.</param>
/// <param name="Normalized">Matched in the normalised text rather than in the original.</param>
/// <param name="SingleWord">Only where no letter touches it.</param>
/// <param name="TakesLeft">White space in front belongs to it.</param>
/// <param name="TakesRight">White space behind belongs to it.</param>
internal sealed record AddedToken(int Id, string Content, bool Special, bool Normalized, bool SingleWord, bool TakesLeft, bool TakesRight)
{
    /// <summary>Reads the list.</summary>
    public static IReadOnlyList<AddedToken> Read(JsonNode root, PipelineJson json) =>
    [
        .. json.List(root, "added_tokens").Select(node => new AddedToken(
            json.Whole(node, "id") ?? throw json.Unusable("an entry of 'added_tokens' has no 'id'."),
            json.Text(node, "content") ?? throw json.Unusable("an entry of 'added_tokens' has no 'content'."),
            json.Flag(node, "special", false),
            json.Flag(node, "normalized", false),
            json.Flag(node, "single_word", false),
            json.Flag(node, "lstrip", false),
            json.Flag(node, "rstrip", false))),
    ];
}

/// <summary>Finds added tokens: the leftmost, of those the longest.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<char, (string Text, AddedToken Token)[]> byFirst;

    public AddedTokenMatcher(IEnumerable<(string Text, AddedToken Token)> tokens) => byFirst = tokens
        .Where(token => token.Text.Length > 0)
        .GroupBy(token => token.Text[0])
        .ToDictionary(group => group.Key, group => group.OrderByDescending(token => token.Text.Length).ToArray());

    /// <summary>The parts of a text: stretches without added tokens (Token is null), and added tokens with the white space they take.</summary>
    public IEnumerable<(int Start, int End, AddedToken? Token)> Split(string text)
    {
        var done = 0;
        if (byFirst.Count > 0)
        {
            for (var at = 0; at < text.Length;)
            {
                if (Find(text, at) is not { } found)
                {
                    at++;
                    continue;
                }

                var (start, end) = (at, at + found.Text.Length);
                at = end; // white space that this one takes may be an added token itself
                while (found.Token.TakesLeft && start > done && Characters.IsWhiteSpace(text[start - 1]))
                    start--;
                while (found.Token.TakesRight && end < text.Length && Characters.IsWhiteSpace(text[end]))
                    end++;
                if (start > done)
                    yield return (done, start, null);
                yield return (start, end, found.Token);
                done = Math.Max(done, end);
            }
        }

        if (done < text.Length)
            yield return (done, text.Length, null);
    }

    private (string Text, AddedToken Token)? Find(string text, int at)
    {
        if (!byFirst.TryGetValue(text[at], out var candidates))
            return null;
        foreach (var candidate in candidates)
        {
            if (string.CompareOrdinal(text, at, candidate.Text, 0, candidate.Text.Length) == 0)
                return candidate.Token.SingleWord && Touches(text, at, at + candidate.Text.Length) ? null : candidate;
        }

        return null;
    }

    private static bool Touches(string text, int start, int end) =>
        (start > 0 && Rune.DecodeLastFromUtf16(text.AsSpan(0, start), out var before, out _) == System.Buffers.OperationStatus.Done && Characters.IsWord(before))
        || (end < text.Length && Rune.DecodeFromUtf16(text.AsSpan(end), out var behind, out _) == System.Buffers.OperationStatus.Done && Characters.IsWord(behind));
}
