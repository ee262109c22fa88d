using System.Text;

namespace Peft.Core.Tokenization.Pipeline;

/// <summary>
/// Expressions as the tokenizers library reads them, for .NET: there a class inside a class means both, here it would end the outer one; and
/// <c>\w</c> there are all marks, letter-like numbers, circled letters and the joiners as well.
/// </summary>
internal static class RustPattern
{
    private const string Word = @"\w\p{M}\p{Nl}\u24B6-\u24E9\u200C\u200D";

    public static string Translate(string pattern)
    {
        var result = new StringBuilder(pattern.Length);
        var depth = 0;
        for (var i = 0; i < pattern.Length; i++)
        {
            var unit = pattern[i];
            if (unit == '\\' && i + 1 < pattern.Length)
            {
                var escaped = pattern[++i];
                if (escaped == 'w')
                    result.Append(depth > 0 ? Word : $"[{Word}]");
                else if (escaped == 'W' && depth == 0)
                    result.Append($"[^{Word}]");
                else
                    result.Append(unit).Append(escaped);
                continue;
            }

            if (unit == '[')
            {
                // A plain class inside is spelled out; a negated one has no such spelling and stays for .NET to refuse.
                if (depth++ > 0 && !(i + 1 < pattern.Length && pattern[i + 1] == '^'))
                    continue;
            }
            else if (unit == ']' && depth > 0 && --depth > 0)
            {
                continue;
            }

            result.Append(unit);
        }

        return result.ToString();
    }
}
