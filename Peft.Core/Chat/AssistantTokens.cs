using Peft.Core.Tokenization;

namespace Peft.Core.Chat;

/// <summary>Which tokens of a rendered conversation the assistant said.</summary>
public static class AssistantTokens
{
    /// <summary>
    /// Marks the tokens between the first and the last character of every span; a span whose first character no token covers ends the search, as
    /// in the reference.
    /// </summary>
    /// <param name="tokens">The tokens of the text.</param>
    /// <param name="spans">Where the assistant speaks, in UTF-16 units.</param>
    /// <returns>A mark per token.</returns>
    public static bool[] Mask(IReadOnlyList<TokenSpan> tokens, IReadOnlyList<(int Start, int End)> spans)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(spans);
        var mask = new bool[tokens.Count];
        int At(int place)
        {
            for (var i = 0; i < tokens.Count; i++)
            {
                if (place >= tokens[i].Start && place < tokens[i].End)
                    return i;
            }

            return -1;
        }

        foreach (var (start, end) in spans)
        {
            var first = At(start);
            if (first < 0)
                break;
            var last = At(end - 1);
            for (var i = first; i < (last > 0 ? last + 1 : tokens.Count); i++)
                mask[i] = true;
        }

        return mask;
    }
}
